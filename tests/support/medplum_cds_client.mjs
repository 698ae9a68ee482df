// A CDS client that we did not write: @medplum/core. Reads steps as lines of JSON, writes one line for each: what it sent and what it got.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const [modules, fhir, cds] = process.argv.slice(2);
const require = createRequire(pathToFileURL(path.join(modules, 'x.js')));
const { MedplumClient, buildCdsRequest } = await import(pathToFileURL(require.resolve('@medplum/core')));

const user = { resourceType: 'Practitioner', id: 'example' };
const steps = {
  discover: async (medplum) => ({ got: await medplum.getCdsServices() }),
  // `templates` take the place of what discovery says under their keys.
  call: async (medplum, { id, context, templates }) => {
    const { services } = await medplum.getCdsServices();
    const service = services.find((each) => each.id === id);
    const sent = await buildCdsRequest(medplum, user, { ...service, prefetch: { ...service.prefetch, ...templates } }, context);
    return { sent, got: await medplum.callCdsService(id, sent) };
  },
  send: async (medplum, { id, body }) => ({ got: await medplum.callCdsService(id, body) }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  const medplum = new MedplumClient({ baseUrl: new URL('/', fhir).href, fhirUrlPath: 'fhir', cdsServicesUrl: cds, cacheTime: 0 });
  const answer = await steps[step.do](medplum, step).catch((problem) => ({ refused: problem.outcome ?? String(problem) }));
  console.log(JSON.stringify(answer));
}
