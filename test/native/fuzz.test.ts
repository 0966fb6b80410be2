import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { needs, soak } from '../needs.ts';
import { compileSanitized, helperParts, here, makeFolder } from './compile.ts';

const SECONDS = soak.isOn ? 20 : 5;

/** Whether clang is available and can link fuzz targets. */
function canFuzz(folder: string): boolean {
  const args = ['-x', 'c', '-fsanitize=fuzzer', '-o', join(folder, 'trial'), '-'];
  const input =
    '#include <stddef.h>\nint LLVMFuzzerTestOneInput(const char *d, size_t n) { return d == 0 && n > 0; }\n';
  return spawnSync('clang', args, { input }).status === 0;
}

test('arbitrary bytes as control messages or policy words are safe', (t) => {
  t.timeout((SECONDS + 60) * 1000);
  const folder = makeFolder(t);
  if (!needs(t, canFuzz(folder), 'clang with libFuzzer (Debian: clang libclang-rt-14-dev)')) return;
  const program = join(folder, 'fuzz');
  compileSanitized('clang', 'fuzzer,address,undefined', program, [join(here, 'fuzz.c'), ...helperParts()]);
  const found = join(folder, 'found');
  mkdirSync(found);
  const args = [
    `-max_total_time=${SECONDS}`,
    '-max_len=20000',
    `-artifact_prefix=${folder}/`,
    found,
    join(here, 'corpus'),
  ];
  const { stderr, status } = spawnSync(program, args, { encoding: 'utf8' });
  t.is(status, 0, stderr.slice(-4000));
  t.log(/Done \d+ runs/.exec(stderr)?.[0]);
});
