import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isFile, parseJson, readBounded, readJsonInput } from '../../src/host/read-input.ts';

function makeFolder(t: ExecutionContext): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-input-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

test('only regular files are read, and others are rejected without waiting', (t) => {
  const at = makeFolder(t);
  execFileSync('mkfifo', [at('fifo')]);
  const reasonOf = (file: string) => t.throws(() => readBounded(file, 100), { name: 'Error' })?.message;
  t.is(reasonOf(at('fifo')), 'it is a pipe, not a regular file');
  t.is(reasonOf('/dev/full'), 'it is a device, not a regular file');
  t.is(reasonOf(at('.')), 'it is a folder, not a regular file');
  t.is(reasonOf(at('absent')), 'ENOENT');
});

test('a file is read up to its bound, even if its size is unknown', (t) => {
  const at = makeFolder(t);
  writeFileSync(at('file'), 'x'.repeat(2 ** 20));
  t.is(readBounded(at('file'), 2 ** 20).length, 2 ** 20);
  appendFileSync(at('file'), 'y');
  t.throws(() => readBounded(at('file'), 2 ** 20), { message: 'it is larger than 1 MiB' });
  truncateSync(at('file'), 3 * 2 ** 30);
  t.throws(() => readBounded(at('file'), 2 ** 20), { message: 'it is larger than 1 MiB' });
  // Of size 0, like files in /proc.
  t.regex(readBounded('/proc/self/status', 2 ** 20).toString(), /^Name:/);
  t.throws(() => readBounded('/proc/self/status', 10), { message: /larger/ });
});

test('deeply nested JSON is rejected before anything walks through it', (t) => {
  const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
  t.notThrows(() => parseJson(nested(200)));
  t.throws(() => parseJson(nested(201)), { message: 'it is nested more than 200 levels deep' });
  t.throws(() => parseJson('{"a":'.repeat(100_000)), { message: /nested/ });
  t.throws(() => parseJson('['), { message: 'it is not JSON' });
  // Brackets in strings do not count.
  t.deepEqual(parseJson(JSON.stringify([`"\\${'['.repeat(300)}`])), [`"\\${'['.repeat(300)}`]);
});

test('an invalid file is reported with the command’s error code and hint', (t) => {
  const at = makeFolder(t);
  writeFileSync(at('file'), 'x');
  const error = t.throws(() => readJsonInput(at('file'), { code: 'not-a-report', hint: 'name another' }));
  t.like(error, { name: 'SetupError', code: 'not-a-report', hint: 'name another' });
  t.regex(error?.message ?? '', /^".*\/file" cannot be read: it is not JSON$/);
});

test('anything that exists and is not a folder is a file', (t) => {
  const at = makeFolder(t);
  execFileSync('mkfifo', [at('fifo')]);
  t.deepEqual([at('fifo'), '/dev/null', at('.'), at('absent'), '', 'a\0b'].map(isFile), [
    ...[true, true, false, false, false, false],
  ]);
});
