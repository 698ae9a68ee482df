// Compiles a CQL library and evaluates it for many people, on engines that Almoner's authors did not write.
//
//   node run.mjs JOB.json
//
// JOB.json: {library: path of the CQL text, people: path of NDJSON, names: [expressions], out: path of NDJSON}
// A line of `people`: {patient: id, resources: [FHIR resources], as_of: "2026-06-30", not_loaded: [tables]};
// a line of `out`: {patient: id, values: {name: value}}.
// The packages come from the folder that ALMONER_CQL_NODE_MODULES names.
import { createReadStream, readFileSync, createWriteStream } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const modules = resolve(process.env.ALMONER_CQL_NODE_MODULES);
const require = createRequire(join(modules, "from-here.js"));
const cql = require("cql-execution");
const fhir = require("cql-exec-fhir");
// The translator is an ES module without an entry for require: it is found by its path.
const translator = await import(pathToFileURL(join(modules, "@cqframework/cql/cql-to-elm.mjs")).href);
const { SystemModelInfoProvider } = await import(pathToFileURL(join(modules, "@cqframework/cql/cql.mjs")).href);

function compile(text) {
  const modelInfo = readFileSync(join(dirname(require.resolve("cql-exec-fhir")), "modelInfos/fhir-modelinfo-4.0.1.xml"), "utf8");
  const models = new translator.ModelManager();
  models.modelInfoLoader.registerModelInfoProvider(new SystemModelInfoProvider());
  models.modelInfoLoader.registerModelInfoProvider(
    translator.createModelInfoProvider((name) => (name === "FHIR" ? translator.stringAsSource(modelInfo) : null)),
  );
  const options = new translator.CqlCompilerOptions();
  options.setOptions([]); // without annotations and locators: the engine records a result for every node that has one
  // The translator asks a UCUM service about the units of calendar lengths ("- 12 months"), and brings none: every unit will do.
  const none = () => { throw new Error("the library does no arithmetic on units"); };
  const units = translator.createUcumService(none, () => null, none, none);
  const found = translator.CqlTranslator.fromText(text, new translator.LibraryManager(models, options, undefined, units));
  const errors = found.errors.asJsReadonlyArrayView();
  if (errors.length) throw new Error(errors.map((error) => error.message).join("\n"));
  return new cql.Library(JSON.parse(found.toJson()));
}

// Reads the model's description: once is enough.
const source = fhir.PatientSource.FHIRv401();

async function evaluate(library, person, parameters, names) {
  const bundle = { resourceType: "Bundle", type: "collection", entry: person.resources.map((resource) => ({ resource })) };
  source.reset();
  source.loadBundles([bundle]);
  // Local times without an offset are in UTC.
  const now = new cql.DateTime(2000, 1, 1, 0, 0, 0, 0, 0);
  const context = new cql.PatientContext(library, source.currentPatient(), new cql.CodeService({}), parameters, now);
  const values = {};
  for (const name of names) {
    // Executor.exec evaluates every expression anew, though others have already asked for it: here each is evaluated once.
    let value = context.get(name);
    if (value instanceof cql.Expression) value = await value.execute(context);
    values[name] = value ?? null;
  }
  return values;
}

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const started = Date.now();
const library = compile(readFileSync(job.library, "utf8"));
const compiled = Date.now();
const out = createWriteStream(job.out);
let people = 0;
for await (const line of createInterface({ input: createReadStream(job.people) })) {
  const person = JSON.parse(line);
  const [year, month, day] = person.as_of.split("-").map(Number);
  const parameters = { "As Of": new cql.Date(year, month, day), "Not Loaded": person.not_loaded };
  out.write(JSON.stringify({ patient: person.patient, values: await evaluate(library, person, parameters, job.names) }) + "\n");
  people += 1;
}
out.end();
console.log(JSON.stringify({ people, compile_ms: compiled - started, run_ms: Date.now() - compiled }));
