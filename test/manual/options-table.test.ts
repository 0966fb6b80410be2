import { readFileSync } from 'node:fs';
import test from 'ava';
import { runHelp } from '../../src/commands/run-options.ts';
import { optionsTable } from '../../src/manual/options-table.ts';
import { withGenerated } from '../../src/text/markdown-table.ts';

const tables = optionsTable(runHelp().options);
const rows = tables.split('\n').filter((line) => line.startsWith('| `--'));

test('docs/reference/run.md has the options as they are defined (if not: node bin/make-docs.js)', (t) => {
  const page = readFileSync(new URL('../../docs/reference/run.md', import.meta.url), 'utf8');
  t.is(withGenerated(page, 'options', tables), page);
});

test('every option is in one row, with a meaning', (t) => {
  t.is(rows.length, runHelp().options.length);
  for (const { name } of runHelp().options) {
    t.is(rows.filter((row) => new RegExp(`^\\| \`--${name}[ \`]`).test(row)).length, 1, name);
  }
  for (const row of rows) t.regex(row, /^\| `--[^`]+` \| \S.* \| .*\|$/);
});

test('an option’s values and default come from its definition', (t) => {
  t.true(rows.includes('| `--kmem SIZE` | limit kernel memory, for example to 900K or 1M |  |'));
  t.true(rows.some((row) => /^\| `--enforce auto\\\|gate\\\|kernel\\\|native\\\|none` \| .* \| `auto` \|$/.test(row)));
  t.true(rows.some((row) => /^\| `--reserve SIZE` \| .* \| 16 KiB \|$/.test(row)));
  t.true(rows.some((row) => /^\| `--grace DURATION` \| .* \| 2 s \|$/.test(row)));
  t.true(rows.some((row) => /^\| `--aslr` \| .* \| off \|$/.test(row)));
});
