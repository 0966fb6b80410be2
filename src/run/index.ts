import { closeSync } from 'node:fs';
import { collectLeftovers } from '../cgroup/collect.ts';
import { createGroup } from '../cgroup/group.ts';
import { findGroups } from '../cgroup/leftovers.ts';
import { applyLimits, readAncestorLimits } from '../cgroup/limits.ts';
import { type Lock, openLock } from '../cgroup/lock.ts';
import { countByModule, forgetByModule } from '../cgroup/native-module.ts';
import { processesOf } from '../cgroup/processes.ts';
import { removeGroup } from '../cgroup/remove.ts';
import type { Group } from '../cgroup/types.ts';
import { asSetupError, type SetupError } from '../errors.ts';
import { helperPath, probeLocks } from '../gate/helper.ts';
import { keepAttached } from '../gate/keeper.ts';
import type { GateEvent } from '../gate/protocol.ts';
import { newId } from '../host/new-id.ts';
import { compileExpectation, type ParsedExpectation } from '../request/expect.ts';
import { normaliseSpec, type PlanInput, type RunInput } from '../request/normalise.ts';
import { asksFor, type RunSpec } from '../request/run-spec.ts';
import { assemble } from '../result/assemble.ts';
import { readThrottleCount } from '../result/environment.ts';
import { emptyFacts, type Facts } from '../result/facts.ts';
import { judge, type Output, streamsRead } from '../result/judge.ts';
import { injectionsOf } from '../result/notes.ts';
import type { Result } from '../result/schema.ts';
import { createAccounts } from './accounts.ts';
import { createFailureLog } from './failures.ts';
import type { RunnerOptions } from './options.ts';
import { gateConfig, planRun, type RunPlan } from './plan.ts';
import { record } from './steps/record.ts';
import { createStop, type Stop, untilInterrupted } from './stop.ts';
import { openSink, openStreams, type Streams } from './streams.ts';
import { type Supervisor, startSupervisor, untilLocked } from './supervisor.ts';
import { type RunWatch, watchRun } from './watch.ts';
import { openWorkdir, type Workdir } from './workdir.ts';

export type { RunProgress as Progress } from './watch.ts';

/**
 * Runs a command in an ephemeral control group and resolves with what happened, whatever the command did.
 * @throws SetupError only where kmem-run itself could not do its work; it carries `.result`
 */
export function run(input: RunInput | PlanInput, options: RunnerOptions = {}): Promise<Result> {
  return runSpec(normaliseSpec(input), options);
}

/** Same as run(), for a spec that is already normalised. */
export async function runSpec(spec: RunSpec, options: RunnerOptions = {}): Promise<Result> {
  if (spec.template === null) return runFilled(spec, options);
  let workdir: Workdir | null = null;
  let result: Result | undefined;
  try {
    workdir = await openWorkdir(spec, options.place ?? null);
    await workdir.setUp(options.signal);
    result = await runFilled(workdir.spec, options);
  } catch (error) {
    await workdir?.close().catch(() => {});
    throw error;
  }
  await workdir.close().catch((error) => {
    throw Object.assign(asSetupError(error), { result });
  });
  return result;
}

async function runFilled(spec: RunSpec, options: RunnerOptions): Promise<Result> {
  // Loaded only if needed: a run on the host does not pay for it.
  if (spec.kernel !== null) return (await import('./in-microvm.ts')).runInVm(spec, options);
  const facts = emptyFacts(options.guest?.id ?? newId(), spec);
  const expectations = spec.expect.map(compileExpectation);
  const { stop, close } = listen(options);
  let output: Output = { stdout: null, stderr: null };
  try {
    output = await runHeld({ facts, stop, expectations, options });
    options.onOutput?.(output);
  } catch (error) {
    const failed = asSetupError(error);
    facts.error = (await isInterruption(failed, facts, stop)) ? null : failed;
  } finally {
    close();
  }
  facts.terminationReason = stop.reason();
  const result = judge(assemble(facts), expectations, output);
  if (facts.error === null) return result;
  facts.error.result = result;
  throw facts.error;
}

/** What it looks like when a program that makes the run ready is killed. */
const LOST_PROGRAM: ReadonlySet<string> = new Set([
  'gate-lost',
  'no-enforcement',
  'native-not-enforced',
  'no-lock',
  'no-user-lookup',
]);
async function isInterruption({ code }: SetupError, { limits }: Facts, stop: Stop): Promise<boolean> {
  if (!LOST_PROGRAM.has(code) || limits !== null) return false;
  if (code !== 'gate-lost') await untilInterrupted(stop);
  return stop.reason() === 'interrupted';
}

const BOTH = ['stdout', 'stderr'] as const;

type Context = Readonly<{
  facts: Facts;
  stop: Stop;
  expectations: readonly ParsedExpectation[];
  options: RunnerOptions;
}>;

/** lock → helper → plan → group → limits → steps; then teardown, whatever happens. */
async function runHeld(context: Context): Promise<Output> {
  const { facts, expectations, stop } = context;
  const { spec, id } = facts;
  const helper = helperPath();
  const lock = openLock(id);
  const failures = createFailureLog();
  const profile = spec.profile ? (await import('./profile.ts')).createProfileLog() : null;
  let inGroup: readonly number[] = [];
  let isOver = false;
  const accounts = createAccounts(() => inGroup);
  const held: Held = { facts, lock, streams: null, trace: null, supervisor: null, group: null, watch: null };
  facts.throttled.before = readThrottleCount();
  try {
    const { onOutput, stdin, guest, module } = context.options;
    const reads = onOutput ? new Set(BOTH) : streamsRead(spec, expectations);
    const streams = openStreams(spec, reads, { stdin: stdin === 'null' ? 'ignore' : 'inherit', ...guest?.stdio });
    held.streams = streams;
    const onEvent = (reported: GateEvent): void => {
      // The run is removing the group: a process that left it and makes a call finds no counter.
      if (isOver && reported.event === 'counter-lost') return;
      profile?.take(reported);
      const isFailure = reported.event === 'failure' || reported.event === 'fault';
      const isOfStep = isFailure || reported.event === 'crash' || reported.event === 'move';
      const event = isOfStep ? { ...reported, step: accounts.indexOf(reported.step) } : reported;
      // Deaths while the run is being ended are kmem-run's doing.
      if (event.event !== 'orphan-ended' || stop.reason() === null) failures.take(event);
      const last = isFailure ? failures.failures.at(-1) : undefined;
      if (last?.handled === false) context.options.onFailure?.(last);
      if (event.event === 'go' || event.event === 'exit') held.watch?.lookOutside();
      if (event.event === 'account') accounts.take(event);
      else if (event.event === 'guardian-lost' || event.event === 'counter-lost') stop.end('gate-lost');
      else if (event.event === 'livelock') stop.end('livelock');
    };
    const onLost = (): void => {
      if (held.group !== null) stop.end('gate-lost');
    };
    const supervisor = startSupervisor({ helper, lockFd: lock.fd, stdio: streams.stdio, onEvent, onLost });
    held.supervisor = supervisor;
    // While the helper starts.
    const plan = await planRun(spec, guest ?? null, module);
    keepAttached(helper, plan.mode);
    facts.mode = plan.mode;
    facts.granularity = plan.granularity;
    facts.byModule = plan.byModule;
    inGroup = plan.steps.flatMap(({ request }, index) => (request === null ? [] : [index]));
    facts.layout = plan.hierarchies.layout;
    await untilLocked(supervisor, stop);
    await collectGone(plan, spec, helper);
    held.group = createGroup({
      id,
      hierarchies: plan.hierarchies,
      parent: spec.parent,
      pids: asksFor(spec, 'pids'),
    });
    if (plan.byModule) held.group = countByModule(held.group);
    const { group } = held;
    const applied = applyLimits(group, spec.limits, { native: plan.mode === 'native' });
    facts.limits = plan.mode === 'gate' || plan.mode === 'kernel' ? { ...applied, kmem: spec.limits.kmem } : applied;
    facts.limitsNow = facts.limits;
    facts.kmemLimit = { limit: facts.limits.kmem, usageWhenSet: null };
    facts.ancestors = readAncestorLimits(group);
    const config = gateConfig(plan, spec, group, lock.path);
    held.trace = config.trace === null ? null : openSink(config.trace, '--trace-gate');
    // The file that is open here, even if its name now leads elsewhere.
    supervisor.configure({ ...config, trace: held.trace === null ? null : `/proc/${process.pid}/fd/${held.trace}` });
    held.watch = watchRun({ ...context, plan, group, supervisor, streams, failures, accounts });
    await held.watch.ended;
  } finally {
    isOver = true;
    await tearDown(held);
    facts.throttled.after = readThrottleCount();
    facts.summary = failures.summary();
    // Includes what its daemon did after the step exited.
    for (const [index, { denials, maxUsage }] of accounts.all()) {
      const failcnt = facts.mode === 'none' ? null : denials;
      record({ facts }, index, { failcnt, kmemMaxUsage: maxUsage });
    }
    facts.orphans = failures.orphans;
    facts.failures = failures.failures;
    facts.failureCounts = failures.counts;
    facts.injections = injectionsOf(spec.inject, failures.injections);
    facts.escapes = facts.summary === null ? null : failures.escapes;
    facts.crashes = isFollowed(spec, facts.mode) ? failures.crashes : null;
    facts.notices = failures.notices();
    facts.profile = profile?.profile() ?? null;
  }
  const { stdout, stderr } = held.streams.captures;
  return { stdout: stdout?.text() ?? null, stderr: stderr?.text() ?? null };
}

/** The gate tracks every process if calls have addresses. */
function isFollowed({ inject, traceGate }: RunSpec, mode: Facts['mode']): boolean {
  return mode === 'gate' && (inject.length > 0 || traceGate !== null);
}

/** What has to be released. */
type Held = {
  readonly facts: Facts;
  readonly lock: Lock;
  streams: Streams | null;
  /** The --trace-gate file, which the helper writes. */
  trace: number | null;
  supervisor: Supervisor | null;
  group: Group | null;
  watch: RunWatch | null;
};

async function tearDown({ facts, lock, streams, trace, supervisor, group, watch }: Held): Promise<void> {
  try {
    await watch?.close();
    // What is left is profiled while the group exists.
    if (supervisor !== null && facts.spec.profile) await closeRun(supervisor);
    // Calls of what still runs would be answered ENOSYS without a helper: it is then dismissed after the group.
    const early = supervisor !== null && (group === null || processesOf(group).length === 0);
    const dismissed = early ? dismiss(supervisor, facts) : null;
    await Promise.all([dismissed, group === null ? null : removeGroup(group)]);
    if (supervisor !== null && !early) await dismiss(supervisor, facts);
    if (group !== null) forgetByModule(group);
    await Promise.all([streams?.captures.stdout?.drain(), streams?.captures.stderr?.drain()]);
  } finally {
    supervisor?.kill();
    streams?.close();
    if (trace !== null) closeSync(trace);
    lock.release(group);
  }
}

/** If the helper is gone, there is no event to wait for. */
async function closeRun(supervisor: Supervisor): Promise<void> {
  supervisor.close();
  await supervisor.next('closed').catch(() => {});
}

/** Lets the helper report its sums; a helper that does not answer is killed. */
async function dismiss(supervisor: Supervisor, facts: Facts): Promise<void> {
  const timer = setTimeout(supervisor.kill, HELPER_TIMEOUT_MS);
  supervisor.finish();
  try {
    facts.escaped = (await supervisor.next('end')).escaped;
  } catch {
    // Killed by someone, or by kmem-run: there are no sums, and the figures stay null.
  }
  await supervisor.ended;
  clearTimeout(timer);
}

const HELPER_TIMEOUT_MS = 5000;

/** Groups beside this run's, and in the named parent, whose runner was killed are removed first. */
async function collectGone({ hierarchies }: RunPlan, { parent }: RunSpec, helper: string): Promise<void> {
  const where = { within: 'own', parent } as const;
  if (findGroups(hierarchies, where).length === 0) return;
  await collectLeftovers(hierarchies, (paths) => probeLocks(helper, paths), where);
}

function listen({ signal, kill }: RunnerOptions): Readonly<{ stop: Stop; close: () => void }> {
  const stop = createStop();
  const end = (): void => stop.interrupt(typeof signal?.reason === 'string' ? signal.reason : null);
  if (signal?.aborted) end();
  signal?.addEventListener('abort', end, { once: true });
  kill?.addEventListener('abort', stop.kill, { once: true });
  // The signals may outlive many runs.
  const close = (): void => {
    signal?.removeEventListener('abort', end);
    kill?.removeEventListener('abort', stop.kill);
  };
  return { stop, close };
}
