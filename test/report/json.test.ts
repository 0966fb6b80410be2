import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { jsonReport, writeJson } from '../../src/report/formats.ts';
import { apacheStopFails, HOSTILE_TEXT, hostile, result, setupError, storm, unread } from '../fixtures/results.ts';

test('the JSON contains the complete result', (t) => {
  for (const made of [result(), apacheStopFails(), unread(), setupError(), storm()]) {
    const text = jsonReport(made);
    t.deepEqual(JSON.parse(text), made);
    t.true(text.endsWith('}\n'));
  }
});

test('hostile names are kept, with control characters escaped', (t) => {
  const text = jsonReport(hostile());
  t.notRegex(text.replaceAll('\n', ''), /\p{Cc}|\p{Zl}|\p{Zp}/u);
  t.deepEqual(JSON.parse(text), hostile());
  t.is(JSON.parse(text).failures[0].comm, HOSTILE_TEXT);
});

test('a result is written to a file', async (t) => {
  const at = mkdtempSync(join(tmpdir(), 'kmem-run-json-'));
  t.teardown(() => rmSync(at, { recursive: true, force: true }));
  await writeJson(join(at, 'a.json'), apacheStopFails());
  t.deepEqual(JSON.parse(readFileSync(join(at, 'a.json'), 'utf8')), apacheStopFails());
});
