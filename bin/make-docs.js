#!/usr/bin/env node
/**
 * Writes what is generated from the sources: all of docs/reference/results.md and docs/scenario.schema.json, the marked
 * parts of docs/reference/gate.md and docs/reference/run.md, and the pages in man/. Needs the project's own Node: it
 * imports the TypeScript sources.
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

if (process.features.typescript === undefined || process.features.typescript === false) {
  process.stderr.write(
    `make-docs: this Node (${process.version}) cannot load TypeScript\n  hint: npx node bin/make-docs.js\n`,
  );
  process.exit(1);
}

const { readManual } = await import('../src/commands/index.ts');
const { runHelp } = await import('../src/commands/run-options.ts');
const { gateTable } = await import('../src/manual/gate-table.ts');
const { manPages } = await import('../src/manual/man.ts');
const { optionsTable } = await import('../src/manual/options-table.ts');
const { resultsPage } = await import('../src/manual/results-page.ts');
const { withGenerated } = await import('../src/text/markdown-table.ts');
const { version } = await import('../src/version.ts');

const { scenarioJsonSchema } = await import('../src/scenario/schema.ts');

function page(name) {
  return new URL(`../docs/${name}`, import.meta.url);
}

function renew(name, part, text) {
  writeFileSync(page(name), withGenerated(readFileSync(page(name), 'utf8'), part, text));
}

writeFileSync(page('reference/results.md'), resultsPage());
renew('reference/gate.md', 'calls', gateTable());
renew('reference/run.md', 'options', optionsTable(runHelp().options));
writeFileSync(page('scenario.schema.json'), `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`);
const man = new URL('../man/', import.meta.url);
rmSync(man, { recursive: true, force: true });
mkdirSync(man);
for (const { file, text } of manPages(await readManual(), version)) {
  writeFileSync(new URL(file, man), text);
}
