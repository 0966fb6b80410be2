import { readHierarchies } from '../cgroup/hierarchies.ts';
import { requireVersion } from '../cgroup/place.ts';
import type { Hierarchies } from '../cgroup/types.ts';
import { SetupError } from '../errors.ts';
import type { StepRequest } from '../gate/protocol.ts';
import { gatedCalls } from '../gate/syscalls.ts';
import { parseAddress } from '../spec/address.ts';
import { didYouMean } from '../spec/nearest.ts';
import { quote } from '../spec/quote.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { commandEnvironment } from './environment.ts';
import { type Identity, resolveIdentity } from './identity.ts';
import { chooseMode, type Mode } from './mode.ts';
import { COMMAND_OOM_SCORE } from './oom-score.ts';
import { resolveCommand } from './resolve.ts';

/** All that must be known before anything is made. */
export type Plan = Readonly<{
  mode: Mode;
  hierarchies: Hierarchies;
  identity: Identity | null;
  /** The command's oom_score_adj where the helper protects itself; null: it does not, and the command inherits ours. */
  oomScore: number | null;
  /** One per step, the command first. */
  steps: readonly StepRequest[];
}>;

/** In a microVM; `identity`: of the user on the host, whom the command runs as unless the spec names another; null: root. */
export type Guest = Readonly<{ identity: Identity | null }>;

/** `guest`: null on the host. @throws SetupError for anything that is missing; nothing has been made then. */
export async function planRun(spec: RunSpec, guest: Guest | null): Promise<Plan> {
  refuseLimitless(spec);
  refuseUngated(spec);
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
  const hierarchies = readHierarchies();
  requireVersion(hierarchies, spec.cgroup);
  return {
    mode: await chooseMode(spec, hierarchies, guest !== null),
    hierarchies,
    oomScore: guest === null ? null : COMMAND_OOM_SCORE,
    identity: spec.user === null ? (guest?.identity ?? null) : await resolveIdentity(spec.user),
    steps: [command, ...shell],
  };
}

function stepOf(spec: RunSpec, env: Record<string, string>): StepRequest {
  return { path: '', argv: [], env, directory: spec.cwd, nullStdin: false };
}

function refuseLimitless(spec: RunSpec): void {
  if (spec.plan !== null) {
    throw new SetupError('not-built', 'this version of kmem-run makes no runs by a plan', 'give command and then');
  }
  if (spec.enforce === 'native' && spec.limits.kmem === null) {
    throw new SetupError('no-limit', '--enforce native needs a limit to enforce', 'give --kmem SIZE too');
  }
}

/** A call that the gate never sees would only be "not reached". */
function refuseUngated({ inject }: RunSpec): void {
  for (const address of inject) {
    const { syscall } = parseAddress(address);
    if (syscall === null || gatedCalls.some(({ name }) => name === syscall)) continue;
    const names = gatedCalls.map(({ name }) => name);
    const hint = didYouMean(syscall, names, 'docs/gate-rows.md lists the gated calls');
    throw new SetupError('bad-address', `--fail ${address}: ${quote(syscall)} is no call that the gate sees`, hint);
  }
}
