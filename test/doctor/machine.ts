/** A private machine, as far as kmem-run can see: hierarchies and locks without anybody else's runs. */

import { chownSync, mkdirSync, readdirSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import { readHierarchies } from '../../src/cgroup/hierarchies.ts';
import type { Diagnosis } from '../../src/doctor/check.ts';
import { NOBODY } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { type Harness, makeHarness, type Ran, type Start } from '../harness.ts';

export type Machine = Harness &
  Readonly<{
    /** Words before kmem-run, for `start.under`. */
    alone: readonly string[];
    /** The same for an unprivileged user, whose locks are in a folder of the test. */
    asNobody: readonly string[];
    /** Names of the lock files of root's runs. */
    locks: () => string[];
    /** No group, process, or lock is left. */
    assertClean: () => void;
  }>;

export function makeMachine(t: ExecutionContext): Machine {
  const harness = makeHarness(t);
  const { sandbox, path } = harness;
  const { memory, unified, pids } = readHierarchies();
  mkdirSync(path('locks'), { mode: 0o700 });
  mkdirSync(path('runtime'), { mode: 0o700 });
  chownSync(path('runtime'), NOBODY, NOBODY);
  const mounts = [
    [sandbox.memory, memory?.mountPoint],
    [sandbox.unified, unified?.mountPoint],
    [sandbox.pids, pids?.mountPoint],
    [path('locks'), '/run/kmem-run'],
  ].map(([from, to]) => `mount --bind '${from}' '${to}'`);
  const script = ['mkdir -p -m 700 /run/kmem-run', ...mounts, 'exec "$@"'].join(' && ');
  const alone = ['unshare', '--mount', 'sh', '-c', script, 'sh'];
  const identity = ['setpriv', '--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'];
  const locks = () => readdirSync(path('locks'));
  return {
    ...harness,
    alone,
    asNobody: [...alone, ...identity, 'env', `XDG_RUNTIME_DIR=${path('runtime')}`, `HOME=${path('runtime')}`],
    locks,
    assertClean: () => {
      harness.assertNothingLeft();
      t.deepEqual(locks(), []);
    },
  };
}

/** Words that run a program under test/fixtures/seccomp-sandbox.c. */
export function underSeccomp(...words: string[]): string[] {
  return [compileFixture('seccomp-sandbox'), ...words, '--'];
}

export function doctor(machine: Machine, args: readonly string[] = [], start: Start = {}): Promise<Ran> {
  return machine.run(['doctor', ...args], { under: machine.alone, json: false, ...start });
}

/** What `doctor --json` printed, by the name of the check. */
export function diagnosesOf({ stdout, stderr }: Ran): Map<string, Diagnosis> {
  if (stdout === '') throw new Error(`no output: ${stderr}`);
  const { checks } = JSON.parse(stdout) as { checks: Diagnosis[] };
  return new Map(checks.map((diagnosis) => [diagnosis.name, diagnosis]));
}
