import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openCapture } from '../../src/run/capture.ts';

const KIB_64 = 64 * 1024;

function makeCapture(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-capture-'));
  const file = join(folder, 'sink');
  const sink = openSync(file, 'a');
  const capture = openCapture(sink);
  t.teardown(() => {
    capture.close();
    closeSync(sink);
    rmSync(folder, { recursive: true, force: true });
  });
  return { capture, copied: () => readFileSync(file) };
}

test('output is kept and forwarded', async (t) => {
  const { capture, copied } = makeCapture(t);
  writeSync(capture.fd, 'one ');
  await capture.drain();
  writeSync(capture.fd, 'two');
  await capture.drain();
  t.is(capture.text(), 'one two');
  t.is(copied().toString(), 'one two');
  t.false(capture.isBroken());
});

test('no output gives an empty text', async (t) => {
  const { capture } = makeCapture(t);
  await capture.drain();
  t.is(capture.text(), '');
});

test('the first and the last 64 KiB are kept, however it is split', async (t) => {
  const bytes = Buffer.alloc(10 * KIB_64);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = 97 + (at % 26);
  for (const length of [1, KIB_64 - 1, KIB_64, KIB_64 + 1, 2 * KIB_64 - 1, 2 * KIB_64, 2 * KIB_64 + 1, 10 * KIB_64]) {
    for (const piece of [1000, KIB_64, 3 * KIB_64]) {
      const { capture, copied } = makeCapture(t);
      const written = bytes.subarray(0, length);
      for (let at = 0; at < length; at += piece) {
        writeSync(capture.fd, written.subarray(at, at + piece));
        await capture.drain();
      }
      const all = written.toString();
      const expected = length <= 2 * KIB_64 ? all : `${all.slice(0, KIB_64)}\n…\n${all.slice(-KIB_64)}`;
      t.true(capture.text() === expected, `${length} in pieces of ${piece}`);
      t.true(copied().equals(written));
    }
  }
});

test('a character across the end of the first 64 KiB stays whole', async (t) => {
  const { capture } = makeCapture(t);
  const text = `${'a'.repeat(KIB_64 - 1)}€ and more`;
  writeSync(capture.fd, text);
  await capture.drain();
  t.is(capture.text(), text);
});

test('the file has no name, so nothing stays behind however the run ends', (t) => {
  const before = readdirSync(tmpdir());
  const { capture } = makeCapture(t);
  const own = readdirSync(tmpdir()).filter((name) => name.startsWith(`kmem-run-${process.pid}`));
  t.deepEqual(
    own.filter((name) => !before.includes(name)),
    [],
  );
  t.true(capture.fd > 2);
});

test.serial('an unwritable folder is a setup error', (t) => {
  const { TMPDIR } = process.env;
  t.teardown(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  });
  process.env.TMPDIR = '/absent';
  t.like(
    t.throws(() => openCapture(1)),
    { name: 'SetupError', code: 'no-capture' },
  );
});

test('a broken sink is reported, and output is still kept', async (t) => {
  const full = openSync('/dev/full', 'w');
  const capture = openCapture(full);
  t.teardown(() => {
    capture.close();
    closeSync(full);
  });
  writeSync(capture.fd, 'lost, but kept');
  await capture.drain();
  t.true(capture.isBroken());
  t.is(capture.text(), 'lost, but kept');
});
