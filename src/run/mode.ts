import { type NativeLimit, probeNative } from '../cgroup/probe-native-limit.ts';
import type { Hierarchies } from '../cgroup/types.ts';
import { SetupError } from '../errors.ts';
import { exceedLimit, helperPath, holdLock, type KernelTrial } from '../gate/helper.ts';
import { kernelTrial } from '../gate/keeper.ts';
import { asksFor, type RunSpec } from '../request/run-spec.ts';
import { setupErrorOf } from './setup-errors.ts';

export type Mode = 'gate' | 'kernel' | 'native' | 'none';

type ModeRequest = Pick<
  RunSpec,
  'enforce' | 'limits' | 'plan' | 'parent' | 'inject' | 'traceGate' | 'errno' | 'reclaim' | 'reserve'
>;

/**
 * How the limit is enforced. `auto` prefers the kernel's own limit if it proves to work, but only in the guest of a
 * microVM: on the host it can wake the global OOM killer. Then BPF programs, if they prove to refuse; then the gate.
 * @throws SetupError `native-not-enforced` where it was asked for and refuses nothing
 */
export async function chooseMode(asked: ModeRequest, hierarchies: Hierarchies, inGuest: boolean): Promise<Mode> {
  const { enforce } = asked;
  if (enforce === 'auto' && needsGate(asked)) return 'gate';
  if (enforce === 'auto' && !asksFor(asked, 'kmem')) return 'none';
  if (enforce !== 'auto' && enforce !== 'native') return enforce;
  const found = enforce === 'native' || inGuest ? await tryNative(asked, hierarchies, inGuest) : 'unset';
  if (enforce === 'auto') return found === 'bites' ? 'native' : await kernelOrGate(inGuest);
  // A limit that the kernel rejects shows up when the run's own limit is read back, with the kernel's answer.
  if (found !== 'toothless') return 'native';
  throw new SetupError(
    'native-not-enforced',
    'this kernel accepts a limit on kernel memory but does not enforce it: a task exceeded it in a throwaway group',
    'use --enforce gate',
  );
}

/** Only the gate can fail calls by address and report them, and do what these options say. */
function needsGate({ inject, traceGate, errno, reclaim, reserve }: ModeRequest): boolean {
  return inject.length > 0 || traceGate !== null || errno !== 'native' || reclaim || reserve !== null;
}

/** Only root may load such programs. */
async function kernelOrGate(inGuest: boolean): Promise<Mode> {
  const { works } = process.geteuid?.() === 0 ? await kernelTrial(helperPath(), inGuest) : { works: false };
  return works ? 'kernel' : 'gate';
}

/** What BPF programs refuse here. @throws SetupError `no-enforcement` */
export async function kernelGranularity(inGuest: boolean): Promise<KernelTrial['granularity']> {
  const trial = await kernelTrial(helperPath(), inGuest);
  if (trial.works) return trial.granularity;
  throw setupErrorOf({ event: 'setup-error', stage: 'enforce', errno: trial.errno, subject: trial.program }, '');
}

/** In a guest, whose groups and kernel stay the same while this process lives. */
let known: NativeLimit | null = null;

/** The kernel's own limit. */
export async function tryNative(
  { parent }: Pick<RunSpec, 'parent'>,
  hierarchies: Hierarchies,
  inGuest: boolean,
): Promise<NativeLimit> {
  if (inGuest && known !== null) return known;
  // Cgroup v2 has no such limit.
  known = hierarchies.memory?.version === 1 ? await probe(hierarchies, parent, false) : 'unset';
  return known;
}

/** In a guest where our module is loaded. */
let isProven = false;

/** @throws SetupError `native-not-enforced` */
export async function proveModule({ parent }: Pick<RunSpec, 'parent'>, hierarchies: Hierarchies): Promise<void> {
  isProven ||= (await probe(hierarchies, parent, true)) === 'bites';
  if (isProven) return;
  throw new SetupError(
    'native-not-enforced',
    'the module kmem_native does not enforce its limit on this kernel: a task exceeded it in a throwaway group',
    'use --enforce gate',
  );
}

function probe(hierarchies: Hierarchies, parent: string | null, byModule: boolean): Promise<NativeLimit> {
  return probeNative(hierarchies, parent, {
    byModule,
    exceed: (tasksFile) => exceedLimit(helperPath(), tasksFile),
    hold: async (fd) => {
      if (await holdLock(helperPath(), fd)) return;
      throw setupErrorOf({ event: 'setup-error', stage: 'lock', errno: 0, subject: null }, '');
    },
  });
}
