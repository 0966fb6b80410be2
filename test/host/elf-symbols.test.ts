import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { createSymbolReader } from '../../src/host/elf-symbols.ts';
import { findProgram } from '../../src/host/programs.ts';
import { needs } from '../needs.ts';

const LONG = 'x'.repeat(300);

const SOURCE = `
static int __attribute__((noinline)) hidden(int n) { return n * 3; }
int outer(int n) { return hidden(n) + 1; }
int __twice(int n) { return 2 * n; }
int doubled_value(int n) __attribute__((weak, alias("__twice")));
int ${LONG}(int n) { return n + 4; }
static int plain(int n) { return n; }
static void *__attribute__((used)) choose(void) { return plain; }
int chosen(int n) __attribute__((ifunc("choose")));
asm(".text\\n.globl by_hand\\n.type by_hand, @function\\nby_hand:\\nret\\n.skip 6000\\n");
int main(void) { return outer(2) + chosen(1) + doubled_value(1) + ${LONG}(1); }
`;

/** Where -no-pie puts a program. */
const BASE = 0x400000;

function compile(t: ExecutionContext, ...options: string[]): string | null {
  const tools = ['gcc', 'nm', 'strip'].every((name) => findProgram(name) !== null);
  if (!needs(t, process.arch === 'x64' && tools, 'gcc on x86-64')) return null;
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-elf-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, 'program.c');
  writeFileSync(source, SOURCE);
  const program = join(folder, 'program');
  execFileSync('gcc', ['-g0', '-O1', ...options, '-o', program, source]);
  return program;
}

/** Offsets of functions, as nm reports their addresses. */
function offsetsIn(program: string, base: number): (name: string) => number {
  const lines = execFileSync('nm', [program], { encoding: 'utf8' }).split('\n');
  const addresses = new Map(lines.map((line) => [line.slice(19), Number.parseInt(line.slice(0, 16), 16)]));
  return (name) => (addresses.get(name) ?? Number.NaN) - base;
}

function nameAt(program: string, offset: number): string | null {
  return createSymbolReader()(program, [offset]).get(offset) ?? null;
}

test('functions of a program are found, static ones included', (t) => {
  const program = compile(t, '-no-pie');
  if (program === null) return;
  const offset = offsetsIn(program, BASE);
  for (const name of ['hidden', 'outer', 'main']) {
    t.is(nameAt(program, offset(name)), name);
    t.is(nameAt(program, offset(name) + 2), name);
  }
  const several = createSymbolReader()(program, [offset('main'), 1e9, offset('outer'), 0]);
  t.deepEqual(
    [...several],
    [
      [offset('main'), 'main'],
      [offset('outer'), 'outer'],
    ],
  );
});

test('of several names, the plainest is chosen; long ones are cut', (t) => {
  const program = compile(t, '-no-pie');
  if (program === null) return;
  const offset = offsetsIn(program, BASE);
  t.is(nameAt(program, offset('__twice')), 'doubled_value');
  t.is(nameAt(program, offset('choose')), 'chosen');
  t.is(nameAt(program, offset(LONG)), LONG.slice(0, 200));
});

test('a symbol without a size names only the code near it', (t) => {
  const program = compile(t, '-no-pie');
  if (program === null) return;
  const offset = offsetsIn(program, BASE);
  t.is(nameAt(program, offset('by_hand') + 4000), 'by_hand');
  t.is(nameAt(program, offset('by_hand') + 5000), null);
});

test('a stripped library has the names that it exports', (t) => {
  const library = compile(t, '-shared', '-fPIC');
  if (library === null) return;
  const offset = offsetsIn(library, 0);
  execFileSync('strip', [library]);
  t.is(nameAt(library, offset('outer')), 'outer');
  t.is(nameAt(library, offset('hidden')), null);
});

test('no names: a missing file, a folder, a FIFO, a device, a text, a limit on symbols', (t) => {
  const program = compile(t, '-no-pie');
  if (program === null) return;
  const at = offsetsIn(program, BASE)('main');
  const fifo = `${program}.fifo`;
  execFileSync('mkfifo', [fifo]);
  for (const file of ['/nonexistent', '', 'a\0b', '[vdso]', '/tmp', fifo, '/dev/zero', `${program}.c`])
    t.is(nameAt(file, at), null, file);
  t.is(createSymbolReader(1)(program, [at]).size, 0);
});

test('a truncated file has fewer names, and no error', (t) => {
  const program = compile(t, '-no-pie');
  if (program === null) return;
  const at = offsetsIn(program, BASE)('main');
  const content = readFileSync(program);
  for (let length = content.length - 1; length >= 0; length -= 97) {
    truncateSync(program, length);
    const name = nameAt(program, at);
    t.true(name === null || 'main'.startsWith(name), `${length}: ${name}`);
  }
  t.is(nameAt(program, at), null);
});

test('a damaged file yields names or none, and no error', (t) => {
  const program = compile(t, '-no-pie');
  if (program === null) return;
  const offset = offsetsIn(program, BASE);
  const offsets = [offset('main'), offset('outer'), 0, 1, 2 ** 40];
  const content = readFileSync(program);
  const sections = Number(content.readBigUInt64LE(40));
  // The headers, where damage matters most.
  const place = fc.oneof(
    fc.nat(0x400),
    fc.integer({ min: sections, max: content.length - 1 }),
    fc.nat(content.length - 1),
  );
  const value = fc.oneof(fc.constantFrom(0, 0x7f, 0x80, 0xff), fc.nat(255));
  const damage = fc.array(fc.tuple(place, value, fc.integer({ min: 1, max: 8 })), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(damage, (places) => {
      const damaged = Buffer.from(content);
      for (const [at, byte, length] of places) damaged.fill(byte, at, Math.min(at + length, damaged.length));
      writeFileSync(program, damaged);
      const names = createSymbolReader()(program, offsets);
      for (const [at, name] of names) t.true(offsets.includes(at) && [...name].length <= 200, `${at} ${name}`);
    }),
    { numRuns: 500 },
  );
});

test('a huge sparse file is read only up to the limit on symbols', (t) => {
  const program = compile(t, '-no-pie');
  if (program === null) return;
  const content = readFileSync(program);
  const table = Number(content.readBigUInt64LE(40));
  const size = 2 ** 40;
  for (let index = 0; index < content.readUInt16LE(60); index += 1) {
    const header = table + 64 * index;
    if (content.readUInt32LE(header + 4) === 2) content.writeBigUInt64LE(BigInt(size), header + 32);
  }
  writeFileSync(program, content);
  truncateSync(program, size);
  const entry = Number(content.readBigUInt64LE(24)) - BASE;
  const began = performance.now();
  createSymbolReader(1_000_000)(program, [entry]);
  t.true(performance.now() - began < 10_000);
});
