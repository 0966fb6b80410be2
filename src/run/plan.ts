import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { joinLeaf, runLeaf, v1, v2 } from '../cgroup/files.ts';
import { readHierarchies } from '../cgroup/hierarchies.ts';
import { requireVersion } from '../cgroup/place.ts';
import type { Group, Hierarchies } from '../cgroup/types.ts';
import { SetupError } from '../errors.ts';
import type { GateConfig } from '../gate/policy.ts';
import type { StepRequest } from '../gate/protocol.ts';
import { DEFAULT_RESERVE, gatedCalls } from '../gate/syscalls.ts';
import { COMMAND_OOM_SCORE } from '../host/oom-score.ts';
import type { NativeModule } from '../kernels/types.ts';
import { parseAddress } from '../request/address.ts';
import { asksFor, type PlanStep, type RunSpec } from '../request/run-spec.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote, shellLine } from '../text/quote.ts';
import { commandEnvironment } from './environment.ts';
import { type Identity, resolveIdentity } from './identity.ts';
import { chooseMode, kernelGranularity, type Mode } from './mode.ts';
import { useModule } from './native-module.ts';
import { resolveCommand } from './resolve.ts';
import type { Stdio } from './supervisor.ts';

type Granularity = NonNullable<GateConfig['enforce']>;

type Environment = Readonly<Record<string, string>>;

/** Everything that must be known before anything starts. */
export type RunPlan = Readonly<{
  mode: Mode;
  /** Of mode `kernel`; otherwise null. */
  granularity: Granularity | null;
  /** Mode `native` uses our module, because the kernel's own limit does not hold. */
  byModule: boolean;
  hierarchies: Hierarchies;
  identity: Identity | null;
  /** The command's oom_score_adj if the helper protects itself; null if it does not and the command inherits ours. */
  oomScore: number | null;
  /** For every program of the run. */
  env: Readonly<Record<string, string>>;
  /** For programs outside the group; null: the runner's own. */
  clientIdentity: Identity | null;
  /** In their order. */
  steps: readonly PlannedStep[];
}>;

/** `request`: what is sent to the helper for a step in the group; null for other kinds of step. */
export type PlannedStep = Readonly<{
  step: PlanStep;
  request: StepRequest | null;
  /** The command line as given; null: derived from the step. */
  line: string | null;
}>;

/** In a microVM. */
export type Guest = Readonly<{
  /** The run's id, as its result will name it. */
  id: string;
  /** The identity of the user on the host; the command uses it unless the spec names another. Null: root. */
  identity: Identity | null;
  /** The run's streams. */
  stdio: Stdio;
}>;

/**
 * `guest`: null on the host. `module`: for mode `native` in a microVM; absent: none.
 * @throws SetupError for anything that is missing; nothing has been made then.
 */
export async function planRun(spec: RunSpec, guest: Guest | null, module?: NativeModule): Promise<RunPlan> {
  refuseImpossible(spec);
  refuseUngated(spec);
  const env = commandEnvironment(spec);
  const hierarchies = guest === null ? readHierarchies() : hierarchiesOfGuest();
  requireVersion(hierarchies, spec.cgroup);
  const byModule = module !== undefined && (await useModule(spec, hierarchies, module));
  const mode = byModule ? 'native' : await chooseMode(spec, hierarchies, guest !== null);
  return {
    mode,
    byModule,
    granularity: mode === 'kernel' ? await kernelGranularity(guest !== null) : null,
    hierarchies,
    oomScore: guest === null ? null : COMMAND_OOM_SCORE,
    identity: spec.user === null ? (guest?.identity ?? null) : await resolveIdentity(spec.user),
    env,
    clientIdentity: guest?.identity ?? null,
    steps: spec.plan === null ? oneAfterTheOther(spec, env) : spec.plan.map((step) => planned(step, spec, env)),
  };
}

let known: Hierarchies | null = null;

/** Each of a guest's runs sees the same ones: the agent mounts them. */
function hierarchiesOfGuest(): Hierarchies {
  known ??= readHierarchies();
  return known;
}

/** The command, then each further line, run by the shell. */
function oneAfterTheOther(spec: RunSpec, env: Environment): PlannedStep[] {
  const path = resolveCommand(spec.command[0] ?? '', { cwd: spec.cwd, path: env.PATH });
  const lines = spec.then.map((line) => ['sh', '-c', line]);
  return [spec.command, ...lines].map((command, index) => {
    const file = index === 0 ? path : '/bin/sh';
    return {
      step: { ...PLAIN, command },
      request: { path: file, argv: command, env, directory: spec.cwd, nullStdin: index > 0, background: false },
      line: index === 0 ? shellLine(command) : null,
    };
  });
}

const PLAIN = {
  kind: 'command',
  name: null,
  expect: [],
  timeoutMs: null,
  env: {},
  cwd: null,
  background: false,
  ready: null,
  stop: 'SIGTERM',
  stops: null,
} as const;

function planned(step: PlanStep, spec: RunSpec, env: Environment): PlannedStep {
  if (step.kind !== 'command') return { step, request: null, line: null };
  const own = { ...env, ...step.env };
  const directory = step.cwd ?? spec.cwd;
  const [file = ''] = step.command;
  // The path may be one that an earlier step creates.
  const path = file.includes('/') ? resolve(directory, file) : resolveCommand(file, { cwd: directory, path: own.PATH });
  const request = { path, argv: step.command, env: own, directory, nullStdin: true, background: step.background };
  return { step, request, line: null };
}

/** The helper keeps an account for each running step. */
const MOST_IN_BACKGROUND = 60;

function refuseImpossible(spec: RunSpec): void {
  const inBackground = (spec.plan ?? []).filter((step) => step.kind === 'command' && step.background).length;
  if (inBackground > MOST_IN_BACKGROUND) {
    const message = `too many background steps in the group: ${inBackground} (at most ${MOST_IN_BACKGROUND})`;
    throw new SetupError('too-many-steps', message, 'start several of them with one line for the shell, using &');
  }
  if ((spec.enforce === 'native' || spec.enforce === 'kernel') && !asksFor(spec, 'kmem')) {
    throw new SetupError('no-limit', `--enforce ${spec.enforce} requires a kmem limit`, 'add --kmem SIZE');
  }
  if (spec.enforce === 'kernel' && spec.traceGate !== null) {
    const hint = 'use --enforce gate, or leave out --trace-gate';
    throw new SetupError(
      'conflicting-options',
      '--trace-gate requires the gate, which --enforce kernel does not use',
      hint,
    );
  }
}

/** A call that the gate never sees would only ever be "not reached". */
function refuseUngated({ inject }: RunSpec): void {
  for (const address of inject) {
    const { syscall } = parseAddress(address);
    if (syscall === null || gatedCalls.some(({ name }) => name === syscall)) continue;
    const names = gatedCalls.map(({ name }) => name);
    const hint = didYouMean(syscall, names, 'docs/reference/gate-rows.md lists the gated calls');
    throw new SetupError('bad-address', `--fail ${address}: ${quote(syscall)} is not a gated call`, hint);
  }
}

const FAULT_SIGNALS = { sigbus: 'SIGBUS', kill: 'SIGKILL', note: 'none' } as const;

/** The helper's configuration for this run. @throws SetupError `no-reclaim` */
export function gateConfig(plan: RunPlan, spec: RunSpec, group: Group, lockFile: string): GateConfig {
  const gate = plan.mode === 'gate' || plan.granularity === 'object';
  const native = plan.mode === 'native';
  const isOurs = plan.mode === 'gate' || plan.mode === 'kernel';
  return {
    gate,
    enforce: plan.granularity,
    limit: isOurs ? spec.limits.kmem : null,
    reserve: spec.reserve ?? DEFAULT_RESERVE,
    errnoEnomem: spec.errno === 'enomem',
    aslr: spec.aslr,
    ...placesOf(group),
    kill: group.unified === null ? [] : [`${group.unified}/cgroup.kill`],
    directories: group.directories,
    ...countersOf(group),
    failcnt: native ? `${group.kmem}/${v1.kmem.failcnt}` : null,
    attribute: native ? group.unified : null,
    watched: group.memory,
    killEscaped: spec.onEscape === 'kill',
    faultSignal: isOurs && asksFor(spec, 'kmem') ? FAULT_SIGNALS[spec.onFault] : null,
    rcuWait: gate && spec.rcuWait && asksFor(spec, 'kmem'),
    profile: spec.profile,
    reclaim: spec.reclaim && gate ? reclaimFile(group) : null,
    trace: gate ? spec.traceGate : null,
    inject: gate ? spec.inject : [],
    // The kernel refuses what its operations allocate.
    allowIoUring: spec.allowIoUring || plan.mode === 'kernel',
    lockFile,
    oomScore: plan.oomScore,
    identity: plan.identity,
    cpus: spec.cpus,
  };
}

type Places = Pick<GateConfig, 'join' | 'lateJoin' | 'joinInto' | 'cloneInto'>;

function placesOf({ version, memory, unified, pids }: Group): Places {
  const lateJoin = pids === null || pids === memory || pids === runLeaf(memory) ? [] : [`${pids}/tasks`];
  // Moving itself through `tasks` costs no RCU grace period, unlike moving a process through cgroup.procs.
  if (version === 1) return { join: [`${memory}/tasks`], lateJoin, joinInto: null, cloneInto: unified };
  return { join: [], lateJoin, joinInto: joinLeaf(memory), cloneInto: runLeaf(memory) };
}

function countersOf({ version, memory, kmem }: Group): Pick<GateConfig, 'usage' | 'max' | 'refresh'> {
  const refresh = version === 1 ? null : `${memory}/${v2.cpuStat}`;
  if (kmem === null) return { usage: `${memory}/${v2.stat}`, max: null, refresh };
  return { usage: `${kmem}/${v1.kmem.usage}`, max: `${kmem}/${v1.kmem.maxUsage}`, refresh };
}

/** A futile request would still be counted. Source: cgroup-v2.rst, memory.reclaim. */
function reclaimFile({ version, memory }: Group): string {
  const path = `${memory}/${version === 1 ? v1.forceEmpty : v2.reclaim}`;
  if (existsSync(path)) return path;
  const reason = `--reclaim on: this kernel cannot reclaim a group's memory on request (there is no ${path})`;
  throw new SetupError('no-reclaim', reason, 'leave out --reclaim, or boot Linux 5.19 or newer, or use cgroup v1');
}
