// Bundles CodeMirror into plugin/static/vendor: one minified module, the licences of everything in it, and a manifest.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const target = '../../plugin/static/vendor/';
const bundle = 'codemirror.js';

const { metafile } = await build({
  entryPoints: ['entry.js'],
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  metafile: true,
  outfile: target + bundle,
});

const folders = [...new Set(Object.keys(metafile.inputs).flatMap((path) => path.match(/^node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []))].sort();
const packages = folders.map((folder) => ({ folder, ...JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) }));

const licences = packages.map(({ folder, name, version }) => `${name} ${version}\n\n${readFileSync(`${folder}/LICENSE`, 'utf8').trim()}\n`);
writeFileSync(`${target}codemirror.LICENSE.txt`, licences.join(`\n${'-'.repeat(78)}\n\n`));

const manifest = {
  [bundle]: {
    sha256: createHash('sha256').update(readFileSync(target + bundle)).digest('hex'),
    made_by: 'make vendor',
    licence_file: 'codemirror.LICENSE.txt',
    packages: packages.map(({ name, version, license }) => ({ name, version, licence: license })),
  },
};
writeFileSync(`${target}manifest.json`, JSON.stringify(manifest, null, 2) + '\n');
