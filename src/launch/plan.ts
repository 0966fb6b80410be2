import { readHierarchies } from '../cgroup/hierarchies.ts';
import type { Hierarchies } from '../cgroup/types.ts';
import { SetupError } from '../errors.ts';
import type { StepRequest } from '../gate/protocol.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { commandEnvironment } from './environment.ts';
import { type Identity, resolveIdentity } from './identity.ts';
import { resolveCommand } from './resolve.ts';

export type Mode = 'gate' | 'native' | 'none';

/** All that must be known before anything is made. */
export type Plan = Readonly<{
  mode: Mode;
  hierarchies: Hierarchies;
  identity: Identity | null;
  /** One per step, the command first. */
  steps: readonly StepRequest[];
}>;

/** @throws SetupError for anything that is missing; nothing has been made then. */
export async function planRun(spec: RunSpec): Promise<Plan> {
  refuseUnbuilt(spec);
  const env = commandEnvironment(spec);
  const command = {
    ...stepOf(spec, env),
    path: resolveCommand(spec.command[0] ?? '', { cwd: spec.cwd, path: env.PATH }),
    argv: spec.command,
  };
  const shell = spec.then.map((line) => ({
    ...stepOf(spec, env),
    path: '/bin/sh',
    argv: ['sh', '-c', line],
    nullStdin: true,
  }));
  return {
    mode: modeOf(spec),
    hierarchies: readHierarchies(),
    identity: await resolveIdentity(spec.user),
    steps: [command, ...shell],
  };
}

function stepOf(spec: RunSpec, env: Record<string, string>): StepRequest {
  return { path: '', argv: [], env, directory: spec.cwd, nullStdin: false };
}

function modeOf(spec: RunSpec): Mode {
  if (spec.enforce !== 'auto') return spec.enforce;
  return spec.limits.kmem === null ? 'none' : 'gate';
}

function refuseUnbuilt(spec: RunSpec): void {
  if (spec.kernel !== null) {
    throw new SetupError(
      'no-such-kernel',
      `--kernel ${spec.kernel}: this version of kmem-run boots no kernels`,
      "leave out --kernel: the gate enforces the limit on the host's kernel",
    );
  }
  if (spec.cgroup === 'v2') {
    throw new SetupError(
      'cgroup-v2-unsupported',
      '--cgroup v2: this version of kmem-run works with the memory controller of cgroup v1',
      'leave out --cgroup, or give --cgroup v1',
    );
  }
  if (spec.inject.length > 0) {
    throw new SetupError('inject-unsupported', 'this version of kmem-run injects no failures', 'leave out inject');
  }
  if (spec.enforce === 'native' && spec.limits.kmem === null) {
    throw new SetupError('no-limit', '--enforce native needs a limit to enforce', 'give --kmem SIZE too');
  }
}
