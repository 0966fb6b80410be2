import { readFileSync } from 'node:fs';
import test from 'ava';
import { resultsPage } from '../../src/manual/results-page.ts';

const page = resultsPage();

test('docs/reference/results.md matches the schema (if not: node bin/make-docs.js)', (t) => {
  t.is(readFileSync(new URL('../../docs/reference/results.md', import.meta.url), 'utf8'), page);
});

test('every key is a row with five cells', (t) => {
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---') && !line.startsWith('| key'));
  t.true(rows.length > 130);
  for (const row of rows) t.is(row.split(/(?<!\\)\|/).length, 7, row);
  t.true(
    rows.includes(
      '| `kmem.usage` | integer or null | bytes | Usage of kernel memory at the end of the run, before the group is removed. | could not be read |',
    ),
  );
  t.true(rows.some((row) => row.startsWith('| `steps[].exit.signal` | string or null |')));
  t.true(rows.some((row) => row.startsWith('| `limits.ancestors[].limit` | integer |')));
});

test('links lead to sections', (t) => {
  const anchors = [...page.matchAll(/\]\(#(\w+)\)/g)].map(([, anchor]) => anchor);
  const sections = [...page.matchAll(/^## `(\w+)`$/gm)].map(([, name]) => name?.toLowerCase());
  t.deepEqual(anchors, sections);
});
