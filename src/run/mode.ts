import { type NativeLimit, probeNative } from '../cgroup/probe-native-limit.ts';
import type { Hierarchies } from '../cgroup/types.ts';
import { SetupError } from '../errors.ts';
import { exceedLimit, helperPath, holdLock } from '../gate/helper.ts';
import { asksFor, type RunSpec } from '../request/run-spec.ts';
import { setupErrorOf } from './setup-errors.ts';

export type Mode = 'gate' | 'native' | 'none';

type ModeRequest = Pick<RunSpec, 'enforce' | 'limits' | 'plan' | 'parent' | 'inject' | 'traceGate'>;

/**
 * How the limit is made to bite. In the guest of a microVM the kernel's own limit comes first, where it proves to hold;
 * on the host never unless it is asked for: it can wake the global OOM killer.
 * @throws SetupError `native-not-enforced` where it was asked for and refuses nothing
 */
export async function chooseMode(asked: ModeRequest, hierarchies: Hierarchies, inGuest: boolean): Promise<Mode> {
  const { enforce, inject, traceGate } = asked;
  // Only the gate fails calls by their address, and only it can tell of them.
  if (enforce === 'auto' && (inject.length > 0 || traceGate !== null)) return 'gate';
  if (enforce === 'auto' && !asksFor(asked, 'kmem')) return 'none';
  if (enforce === 'auto' && !inGuest) return 'gate';
  if (enforce !== 'auto' && enforce !== 'native') return enforce;
  // Cgroup v2 has no such limit.
  const found = hierarchies.memory?.version === 1 ? await probe(asked, hierarchies, inGuest) : 'unset';
  if (enforce === 'auto') return found === 'bites' ? 'native' : 'gate';
  // A limit that is not even taken shows when the run's own is read back, with what the kernel answers.
  if (found !== 'toothless') return 'native';
  throw new SetupError(
    'native-not-enforced',
    'this kernel accepts a limit on kernel memory but does not enforce it: a task exceeded it in a throwaway group',
    'use --enforce gate',
  );
}

/** In a guest, whose groups and kernel stay the same while this process lives. */
let known: NativeLimit | null = null;

async function probe({ parent }: ModeRequest, hierarchies: Hierarchies, inGuest: boolean): Promise<NativeLimit> {
  if (inGuest && known !== null) return known;
  known = await probeNative(hierarchies, parent, {
    exceed: (tasksFile) => exceedLimit(helperPath(), tasksFile),
    hold: async (fd) => {
      if (await holdLock(helperPath(), fd)) return;
      throw setupErrorOf({ event: 'setup-error', stage: 'lock', errno: 0, subject: null }, '');
    },
  });
  return known;
}
