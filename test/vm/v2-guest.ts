/** Runs this repository's tests in a microVM: with cgroup v2, or with programs that enforce, which this machine may lack. */

import { basename, dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { findKernel } from '../../src/kernels/find.ts';
import { boot, exited, MIB, runScript } from './machines.ts';
import { needsKernel } from './needs-kernel.ts';

const root = join(import.meta.dirname, '..', '..');
const TIMEOUT_MS = 20 * 60_000;
const EACH_TEST = '20m';

export type Inside = Readonly<{
  kernel: string;
  /** Relative to the repository's root. */
  files: readonly string[];
  /** Title patterns; absent: all tests. */
  match?: readonly string[];
  /** Absent: enough for a few files. */
  timeoutMs?: number;
}>;

/** Passes if the tests of the files pass in the guest. */
export async function passInside(
  t: ExecutionContext,
  { kernel, files, match = [], timeoutMs = TIMEOUT_MS }: Inside,
): Promise<void> {
  t.timeout(timeoutMs);
  if (!(await needsKernel(t, kernel))) return;
  const words = [...match.map((pattern) => `--match=${pattern}`), ...files].map((word) => `'${word}'`);
  const script = `exec ava --tap --timeout=${EACH_TEST} ${words.join(' ')}`;
  const ran = await runInside(t, { kernel, cgroup: 'v2', script, slowness: 10 });
  const { code, signal, lost, error } = ran;
  const end = { code, signal, lost, error };
  // A log may keep only the first line.
  const failed = ran.stdout.split('\n').filter((line) => line.startsWith('not ok '));
  t.deepEqual(end, exited(0), `${[JSON.stringify(end), ...failed].join('; ')}\n${ran.stdout}${ran.stderr}`);
  const passed = ran.stdout.split('\n').filter((line) => line.startsWith('ok ') && !line.endsWith('# SKIP'));
  t.log(passed.map((line) => line.replace(/^ok \d+ - /, '')));
  t.true(passed.length > 0, ran.stdout);
  // The titles name the file only if there are several.
  for (const file of files.length > 1 ? files : [])
    t.true(
      passed.some((line) => line.includes(`${basename(file, '.test.ts')} › `)),
      `${file}: ${ran.stdout}`,
    );
}

type Script = Readonly<{
  kernel: string;
  cgroup: 'v1' | 'v2';
  /** In the repository's root. */
  script: string;
  slowness: number;
}>;

export async function runInside(t: ExecutionContext, { kernel, cgroup, script, slowness }: Script) {
  // Node is large, and each of its pages would be requested from the host.
  const options = { memory: 2048 * MIB, retries: 2, prefetch: [process.execPath], serves: false };
  const machine = await boot(t, await findKernel(kernel), options);
  const { HOME = '/root', CI, KMEM_RUN_TEST_FIXTURES } = process.env;
  return runScript(machine, script, {
    guest: {
      cgroup,
      hostname: 'guest',
      cwd: root,
      env: {
        PATH: `${dirname(process.execPath)}:${root}/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin`,
        HOME,
        LANG: 'C.UTF-8',
        KMEM_RUN_TEST_SLOWNESS: `${slowness}`,
        // Not on tmpfs, which has its own errors.
        TMPDIR: '/var/tmp',
        // Caches what each ava process loads, once compiled.
        NODE_COMPILE_CACHE: '/var/tmp/compiled',
        ...(CI === undefined ? {} : { CI }),
        ...(KMEM_RUN_TEST_FIXTURES === undefined ? {} : { KMEM_RUN_TEST_FIXTURES }),
      },
      argv: ['/bin/sh', '-c', script],
    },
  });
}
