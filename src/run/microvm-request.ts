/** What the runner in a microVM is asked for: the user's run, and before any of those a few of our own. */

import { homedir, hostname, userInfo } from 'node:os';
import { SetupError } from '../errors.ts';
import { newId } from '../host/new-id.ts';
import type { NativeModule } from '../kernels/types.ts';
import { normaliseSpec } from '../request/normalise.ts';
import type { RunSpec } from '../request/run-spec.ts';
import type { Guest } from '../vm/guest.ts';
import type { GuestRunner } from '../vm/runner.ts';
import type { RunnerEvent, RunnerRequest } from '../vm/runner-wire.ts';
import { type Opened, runInMachine } from '../vm/session.ts';
import { commandEnvironment } from './environment.ts';

/** What a first run costs, and the kernel and Node do once only, is then done. */
const WARM_UPS = 3;

/** `signal`: kills the guest. @throws SetupError `guest-failed` */
export async function warmUp(guest: Guest, runner: GuestRunner, spec: RunSpec, signal?: AbortSignal): Promise<void> {
  const onAbort = (): void => void guest.machine.kill();
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await makeFirstRuns(guest, runner, spec);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** For runs that use none. */
export const NO_MODULE: NativeModule = { path: null, reason: 'these runs use none', hint: '' };

async function makeFirstRuns({ machine, cleared }: Guest, runner: GuestRunner, { cgroup }: RunSpec): Promise<void> {
  const spec = normaliseSpec({ command: ['/bin/sh', '-c', ':'], kmem: '64M', cgroup });
  for (let i = 0; i < WARM_UPS; i += 1) {
    const session = runInMachine(machine, {
      ...{ stdin: null, stdout: null, stderr: null, guest: { hostname: hostname() }, onStarted: () => {} },
      runner: {
        request: (opened) =>
          JSON.stringify(
            requestOf(opened, { id: newId(), spec, runner, module: NO_MODULE, progress: false, stay: false }),
          ),
        onLine: (line) => {
          const event = JSON.parse(line) as RunnerEvent;
          if (event.event === 'ready') session.opened();
          else if (event.event === 'code-cache') runner.keepCodeCache(event.data);
          else if (event.event === 'done') session.finish();
        },
      },
    });
    const { lost, error } = await session.ended;
    if (error !== null) throw error;
    if (lost !== null) {
      throw new SetupError(
        'guest-failed',
        'the microVM died while it was prepared for runs',
        'give the microVM more memory with --vm-memory; if the error persists, please report it',
      );
    }
    // What is left will be found again after the next run, which is this guest's last.
    if ((await cleared()) !== null) return;
  }
}

export type RequestParts = Readonly<{
  id: string;
  spec: RunSpec;
  runner: GuestRunner;
  module: NativeModule;
  progress: boolean;
  stay: boolean;
}>;

export function requestOf(opened: Opened, { runner, spec, ...parts }: RequestParts): RunnerRequest {
  return {
    ...parts,
    spec: insideOf(spec),
    helper: runner.helper,
    identity: ownIdentity(),
    holder: opened.holder,
    streams: { stdin: pathOf(opened.stdin), stdout: pathOf(opened.stdout), stderr: pathOf(opened.stderr) },
  };
}

/** Of a descriptor of the agent's, for the runner. */
function pathOf(descriptor: number | null): string | null {
  return descriptor === null ? null : `/proc/1/fd/${descriptor}`;
}

/** The guest's request: the same spec without what is decided on the host. */
function insideOf(spec: RunSpec): RunSpec {
  const inside = { template: null, kernel: null, vm: null, expect: [], output: 'inherit' } as const;
  return { ...spec, ...inside, env: commandEnvironment(spec), clearEnv: true };
}

/** Null for root, who is root in the guest too. */
function ownIdentity(): RunnerRequest['identity'] {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  if (uid === 0) return null;
  return { uid, gid, groups: process.getgroups?.() ?? [gid], name: userName(uid), home: homedir() };
}

function userName(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    // Not in the user database.
    return String(uid);
  }
}
