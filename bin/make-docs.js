#!/usr/bin/env node
/**
 * Writes what is made from the sources: all of docs/results.md and docs/scenario.schema.json, the marked parts of
 * docs/gate.md and docs/run.md, and man/kmem-run.1.
 * Needs the project's own Node: it imports the TypeScript sources.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

if (process.features.typescript === undefined || process.features.typescript === false) {
  process.stderr.write(
    `make-docs: this Node (${process.version}) cannot load TypeScript\n  hint: npx node bin/make-docs.js\n`,
  );
  process.exit(1);
}

const { optionsTable } = await import('../src/commands/options-table.ts');
const { readManual } = await import('../src/commands/manual.ts');
const { gateTable } = await import('../src/report/gate-table.ts');
const { withGenerated } = await import('../src/report/generated.ts');
const { manPage } = await import('../src/report/man-page.ts');
const { resultsPage } = await import('../src/report/results-page.ts');
const { version } = await import('../src/result/version.ts');

const { scenarioJsonSchema } = await import('../src/scenario/schema.ts');

const page = (name) => new URL(`../docs/${name}`, import.meta.url);

const renew = (name, part, text) => {
  writeFileSync(page(name), withGenerated(readFileSync(page(name), 'utf8'), part, text));
};

writeFileSync(page('results.md'), resultsPage());
renew('gate.md', 'calls', gateTable());
renew('run.md', 'options', optionsTable());
writeFileSync(page('scenario.schema.json'), `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`);
mkdirSync(new URL('../man/', import.meta.url), { recursive: true });
writeFileSync(new URL('../man/kmem-run.1', import.meta.url), manPage(await readManual(), version));
