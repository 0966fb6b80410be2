/** Writes each limit to a group and reads it back, as a run does. */

import { applyLimits } from '../cgroup/limits.ts';
import { SetupError } from '../errors.ts';
import type { Limits } from '../request/run-spec.ts';
import type { Bench } from './bench.ts';
import { type Check, type CheckFinding, note, ok, warning } from './check.ts';
import { group, withGroup } from './group.ts';

const none: Limits = { kmem: null, mem: null, memsw: null, kmemTcp: null, pids: null };
const BYTES = 64 * 1024 * 1024;
const PROCESSES = 100;

type LimitTrial = Readonly<{ limits: Partial<Limits>; native?: boolean }>;

/** The error if the limits do not hold; null if they do. */
async function limit(bench: Bench, { limits, native = false }: LimitTrial): Promise<SetupError | null> {
  try {
    const pids = limits.pids !== undefined;
    await withGroup(bench, { pids }, (made) => applyLimits(made, { ...none, ...limits }, { native }));
    return null;
  } catch (error) {
    if (error instanceof SetupError) return error;
    throw error;
  }
}

/** Affects only runs that request this limit. */
async function orWarning(bench: Bench, limits: Partial<Limits>, works: string, fails: string): Promise<CheckFinding> {
  const error = await limit(bench, { limits });
  return error === null ? ok(works) : warning(`${fails}: ${error.message}`);
}

/** Whether the kernel keeps the limit written to it. */
export async function enforcesLimit(bench: Bench): Promise<boolean> {
  return (await limit(bench, { limits: { kmem: BYTES }, native: true })) === null;
}

export const native: Check = {
  name: 'native-limit',
  needs: [group],
  remedy: 'leave --enforce as it is',
  probe: async (bench) => {
    if (await enforcesLimit(bench)) return ok('this kernel enforces a kmem limit: --enforce native works here');
    return note('this kernel enforces no kmem limit: runs use the gate, and --enforce native is rejected');
  },
};

export const memory: Check = {
  name: 'mem-limit',
  needs: [group],
  remedy: 'leave out --mem',
  probe: (bench) => orWarning(bench, { mem: BYTES }, '--mem works', '--mem cannot be used'),
};

export const swapAccounting: Check = {
  name: 'memsw-limit',
  needs: [group],
  remedy: 'boot with swapaccount=1, or leave out --memsw',
  probe: (bench) => orWarning(bench, { mem: BYTES, memsw: BYTES }, '--memsw works', '--memsw cannot be used'),
};

export const tcp: Check = {
  name: 'kmem-tcp-limit',
  needs: [group],
  remedy: 'leave out --kmem-tcp',
  probe: (bench) => orWarning(bench, { kmemTcp: BYTES }, '--kmem-tcp works', '--kmem-tcp cannot be used'),
};

export const processes: Check = {
  name: 'pids-limit',
  needs: [group],
  remedy:
    'on v1, mount the pids controller and run as root or own a directory there too; on v2, delegate pids (cgroup.subtree_control); or leave out --pids',
  probe: (bench) => orWarning(bench, { pids: PROCESSES }, '--pids works', '--pids cannot be used'),
};
