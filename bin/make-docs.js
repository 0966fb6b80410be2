#!/usr/bin/env node
// Writes docs/results.md from the schema of the result. Needs the project's own Node: it imports the TypeScript sources.

import { writeFileSync } from 'node:fs';

if (process.features.typescript === undefined || process.features.typescript === false) {
  process.stderr.write(
    `make-docs: this Node (${process.version}) cannot load TypeScript\n  hint: npx node bin/make-docs.js\n`,
  );
  process.exit(1);
}

const { resultsPage } = await import('../src/report/results-page.ts');

writeFileSync(new URL('../docs/results.md', import.meta.url), resultsPage());
