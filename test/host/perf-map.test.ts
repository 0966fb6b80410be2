import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { parsePerfMap, readPerfMap } from '../../src/host/perf-map.ts';
import { needs } from '../needs.ts';

const TEXT = '1000 20 first\n2000 10 JS:~hoard /tmp/a b.js:2:26\n1010 8 moved here later\n';

test('a function is known from its first byte to its last', (t) => {
  const { nameAt } = parsePerfMap(TEXT);
  t.is(nameAt(0xfff), null);
  t.is(nameAt(0x1000), 'first');
  t.is(nameAt(0x101f), 'first');
  t.is(nameAt(0x1020), null);
  t.is(nameAt(0x200f), 'JS:~hoard /tmp/a b.js:2:26');
});

test('of functions at the same place the later one counts', (t) => {
  const { nameAt } = parsePerfMap(TEXT);
  t.is(nameAt(0x1010), 'moved here later');
  t.is(nameAt(0x1018), 'first');
});

test('lines that are none are skipped, and long names are cut', (t) => {
  const { nameAt } = parsePerfMap(`zz 10 bad\n30\n\n${'f'.repeat(16)} 1 huge\n40 10 ${'x'.repeat(1000)}\n50 10 good`);
  t.is(nameAt(0x40), 'x'.repeat(200));
  t.is(nameAt(0x50), 'good');
});

test('any text can be read', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, address) => {
      const name = parsePerfMap(text).nameAt(address);
      t.true(name === null || text.includes(name));
    }),
  );
});

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-map-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("only the owner's own file is read, and no link", (t) => {
  if (!needs(t, process.getuid?.() === 0, 'root')) return;
  const folder = folderOf(t);
  writeFileSync(join(folder, 'perf-7.map'), TEXT);
  t.is(readPerfMap(7, 0, folder).nameAt(0x1000), 'first');
  t.is(readPerfMap(8, 0, folder).nameAt(0x1000), null);
  symlinkSync('perf-7.map', join(folder, 'perf-9.map'));
  t.is(readPerfMap(9, 0, folder).nameAt(0x1000), null);
  chmodSync(folder, 0o755);
  chownSync(join(folder, 'perf-7.map'), 65_534, 65_534);
  t.is(readPerfMap(7, 0, folder).nameAt(0x1000), null);
  t.is(readPerfMap(7, 65_534, folder).nameAt(0x1000), 'first');
});
