/** Reads back what --trace-gate wrote. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SetupError } from '../../src/errors.ts';
import { readRecording } from '../../src/gate/recording.ts';

const line = {
  atMs: 0.466,
  pid: 12_293,
  tid: 12_294,
  comm: 'sh',
  exe: '/usr/bin/dash',
  address: '0.2.t1/17:openat',
  syscall: 'openat',
  detail: '/tmp/a\u2028b\u0085\r',
  usage: 28_672,
  answer: 'continue',
};

function fileOf(t: ExecutionContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-test-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'trace'), text);
  return join(folder, 'trace');
}

function asText(lines: readonly unknown[]) {
  return lines.map((each) => `${JSON.stringify(each)}\n`).join('');
}

test('each line is a call, identified by address', async (t) => {
  const unknown = { ...line, address: null, pid: null, comm: null, exe: null, detail: null, answer: 'deny' };
  const { exe: _, ...old } = line;
  const calls = await readRecording(fileOf(t, asText([line, unknown, old])));
  const { usage: __, ...told } = line;
  t.deepEqual<unknown, unknown>(calls, [
    { ...told, process: '0.2.t1', index: 17 },
    { ...told, address: null, pid: null, comm: null, exe: null, detail: null, answer: 'deny', process: '', index: 0 },
    { ...told, exe: null, process: '0.2.t1', index: 17 },
  ]);
});

test('an empty file is a recording of no calls', async (t) => {
  t.deepEqual(await readRecording(fileOf(t, '')), []);
});

test('lines are complete, wherever the read is split', async (t) => {
  const lines = Array.from({ length: 3000 }, (_, index) => ({ ...line, detail: 'ü'.repeat(index % 97), tid: index }));
  const calls = await readRecording(fileOf(t, asText(lines)));
  t.deepEqual(
    calls.map(({ tid, detail }) => [tid, detail]),
    lines.map(({ tid, detail }) => [tid, detail]),
  );
});

const whole = asText([line]);
for (const [what, damaged] of [
  ['cut in a line', whole + whole.slice(0, -20)],
  ['an empty line', `${whole}\n${whole}`],
  ['no JSON', `${whole}{"atMs":1,}\n`],
  ['no object', `${whole}null\n`],
  ['another answer', whole + asText([{ ...line, answer: 'perhaps' }])],
  ['a thread that is no number', whole + asText([{ ...line, tid: '12' }])],
  ['no syscall', whole + asText([{ ...line, syscall: undefined }])],
  ['an address that is none', whole + asText([{ ...line, address: '0.2-17:openat' }])],
] as const) {
  test(`a damaged recording is rejected by line number: ${what}`, async (t) => {
    const file = fileOf(t, damaged);
    const error = await t.throwsAsync(readRecording(file), { instanceOf: SetupError, code: 'bad-recording' });
    t.true(error?.message.startsWith(`${file}, line 2,`), error?.message);
  });
}

test('a missing file is rejected by name', async (t) => {
  const error = await t.throwsAsync(readRecording('/nonexistent/trace'), { code: 'bad-recording' });
  t.is(error?.message, '/nonexistent/trace cannot be read: ENOENT');
  await t.throwsAsync(readRecording('/tmp'), { code: 'bad-recording', message: /EISDIR/ });
});
