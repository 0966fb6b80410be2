import { probeNative } from '../cgroup/probe-native-limit.ts';
import type { Hierarchies } from '../cgroup/types.ts';
import { SetupError } from '../errors.ts';
import { exceedLimit, helperPath, holdLock } from '../gate/helper.ts';
import { asksFor, type RunSpec } from '../request/run-spec.ts';
import { setupErrorOf } from './setup-errors.ts';

export type Mode = 'gate' | 'native' | 'none';

type ModeRequest = Pick<RunSpec, 'enforce' | 'limits' | 'plan' | 'parent' | 'inject' | 'traceGate'>;

/**
 * How the limit is enforced. In the guest of a microVM the kernel's own limit is preferred if it proves to work; on the
 * host it is used only on request: it can wake the global OOM killer.
 * @throws SetupError `native-not-enforced` where it was asked for and refuses nothing
 */
export async function chooseMode(asked: ModeRequest, hierarchies: Hierarchies, inGuest: boolean): Promise<Mode> {
  const { enforce, inject, traceGate } = asked;
  // Only the gate can fail calls by address and report them.
  if (enforce === 'auto' && (inject.length > 0 || traceGate !== null)) return 'gate';
  if (enforce === 'auto' && !asksFor(asked, 'kmem')) return 'none';
  if (enforce === 'auto' && !inGuest) return 'gate';
  if (enforce !== 'auto' && enforce !== 'native') return enforce;
  // Cgroup v2 has no such limit.
  const found = hierarchies.memory?.version === 1 ? await probe(asked, hierarchies) : 'unset';
  if (enforce === 'auto') return found === 'bites' ? 'native' : 'gate';
  // A limit that the kernel rejects shows up when the run's own limit is read back, with the kernel's answer.
  if (found !== 'toothless') return 'native';
  throw new SetupError(
    'native-not-enforced',
    'this kernel accepts a limit on kernel memory but does not enforce it: a task exceeded it in a throwaway group',
    'use --enforce gate',
  );
}

function probe({ parent }: ModeRequest, hierarchies: Hierarchies) {
  return probeNative(hierarchies, parent, {
    exceed: (tasksFile) => exceedLimit(helperPath(), tasksFile),
    hold: async (fd) => {
      if (await holdLock(helperPath(), fd)) return;
      throw setupErrorOf({ event: 'setup-error', stage: 'lock', errno: 0, subject: null }, '');
    },
  });
}
