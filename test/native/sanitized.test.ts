import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { sourcesIn } from '../fixtures/compile.ts';
import { compileSanitized, here, makeFolder } from './compile.ts';

const root = join(here, '..', '..');
/** The parts of a checkout that the gate's tests need. dist/ contains the helper that they run. */
const COPIED = ['package.json', 'tsconfig.json', 'bin', 'src', 'test', 'dist', 'scenarios'];
/** Leaks do not matter: the supervisor exits without freeing, and the command's start ends with exec. */
const OPTIONS = { ASAN_OPTIONS: 'detect_leaks=0', UBSAN_OPTIONS: 'print_stacktrace=1' };
/** Tests with fast timers measure the helper's speed, which this build does not have. */
const TESTS = ['--match=!*timer*', 'test/gate/inject.test.ts', 'test/gate/signals.test.ts'];

test('the gate tests pass with a helper under AddressSanitizer and UBSan', (t) => {
  t.timeout(10 * 60_000);
  t.true(existsSync(join(root, 'dist', 'cli.cjs')), 'npm run build first');
  const folder = makeFolder(t);
  for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const sources = [...sourcesIn('helper'), ...sourcesIn('common')];
  compileSanitized('cc', 'address,undefined', join(folder, 'dist', 'kmem-helper'), sources);
  const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.js');
  const { stdout, stderr, status } = spawnSync(process.execPath, [ava, '--tap', ...TESTS], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...OPTIONS, AVA_PATH: undefined, KMEM_RUN_TEST_TIMES: undefined },
  });
  const failed = stdout.split('\n').filter((line) => line.startsWith('not ok'));
  t.deepEqual(failed, [], stdout.slice(-6000));
  t.is(status, 0, stderr);
});
