import { realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCounters, readCpu } from '../cgroup/counters.ts';
import { killGroup } from '../cgroup/kill.ts';
import { describe, type Process, processesOf } from '../cgroup/processes.ts';
import { openSampler, type Sampler } from '../cgroup/sampler.ts';
import type { Group } from '../cgroup/types.ts';
import { isShortage } from '../errors.ts';
import { helperPath } from '../gate/helper.ts';
import type { Facts } from '../result/facts.ts';
import type { Accounts } from './accounts.ts';
import type { FailureLog } from './failures.ts';
import { watchOomKills, watchOomTime } from './oom.ts';
import { lookOutside, type Outsider } from './outside.ts';
import type { RunPlan } from './plan.ts';
import { type Activity, type Quiet, untilQuiet } from './quiet.ts';
import { type GroupSample, type Sampling, startSampling } from './samples.ts';
import { openSteps } from './steps/index.ts';
import { markKmem } from './steps/limits.ts';
import { type Clock, sinceStart } from './steps/record.ts';
import { endGroup, passOnBrokenPipe, type Stop, untilEmpty } from './stop.ts';
import type { Streams } from './streams.ts';
import type { Supervisor } from './supervisor.ts';

export type RunProgress = GroupSample & Readonly<{ denials: number }>;

/** A run, from the moment at which everything is ready. */
export type RunWatch = Readonly<{
  ended: Promise<void>;
  /** A step has begun or ended: if no BPF program watches, kmem-run looks for processes outside the group. */
  lookOutside: () => void;
  close: () => Promise<void>;
}>;

type WatchContext = Readonly<{
  facts: Facts;
  plan: RunPlan;
  stop: Stop;
  group: Group;
  supervisor: Supervisor;
  streams: Streams;
  failures: FailureLog;
  accounts: Accounts;
  options: Readonly<{
    onProgress?: ((progress: RunProgress) => void) | undefined;
    onStay?: ((processes: readonly Process[]) => void) | undefined;
  }>;
}>;

const WATCH_EVERY_MS = 50;
const HELPER_TIMEOUT_MS = 3000;
/** A look reads a few files of each process. */
const LOOK_OUTSIDE_EVERY_MS = 200;

/** Runs the steps, watches them, and reads the counters when the last one is over. */
export function watchRun(context: WatchContext): RunWatch {
  const { facts, stop, group, streams } = context;
  const clock: Clock = { startNs: null, early: [] };
  let sampling: Sampling | null = null;
  let deadline: NodeJS.Timeout | null = null;
  // The time limit covers the steps: kmem-run's own wait ends at it, and fails nothing.
  const wait: OwnWait = { isOn: false, isCut: false };
  const overrun = watchOverrun(() => {
    if (facts.spec.onOverrun === 'kill') stop.end('overrun');
  });
  const oomKills = facts.mode === 'native' ? watchOomKills() : null;
  const oomTime = watchOomTime(group, () => sinceStart(clock));
  const sampler = openSampler(group);
  const outside = lookOutside(group, { pid: context.supervisor.pid, path: realpathSync(helperPath()) });
  const look = unlessShort(() => {
    if (!context.failures.areMovesWatched()) takeOutsiders(context, clock, outside());
  });
  const looks = setInterval(look, LOOK_OUTSIDE_EVERY_MS);
  const lookInside = unlessShort(() => {
    passOnBrokenPipe(group, [streams.captures.stdout, streams.captures.stderr]);
    if (facts.mode === 'gate') lookForOverrun(context, clock, sampler, overrun);
  });
  const watch = setInterval(lookInside, WATCH_EVERY_MS);

  const onBegin = (): void => {
    if (facts.spec.timeoutMs === null) return;
    deadline ??= setTimeout(() => {
      if (wait.isOn) wait.isCut = true;
      else stop.end('walltime');
    }, facts.spec.timeoutMs);
  };
  const onGo = (): void => {
    onBegin();
    sampling ??= startSampling(group, {
      everyMs: facts.spec.sampleMs,
      atMs: () => sinceStart(clock),
      onSample: (sample) => {
        if (context.options.onProgress === undefined) return;
        context.supervisor.askTotals();
        context.options.onProgress({ ...sample, denials: context.failures.denials() });
      },
    });
  };
  const steps = openSteps(context, clock, { onBegin, onGo });
  const follow = async (): Promise<void> => {
    const stopped = stop.happened.then(() => endRun(context));
    // Awaited below, after the helper has reported the end: until then a failure must not end kmem-run itself.
    stopped.catch(() => {});
    await steps.take();
    // Programs that are meant to run on would keep it from becoming empty.
    if (facts.spec.wait === 'empty') await steps.endBackground();
    await linger(context, wait);
    const hasEnded = await steps.endBackground();
    // In a group that was quiet for long, nothing is about to exit.
    stop.complete();
    if (hasEnded || facts.ending?.reason !== 'quiet') await untilLastChildren(context);
    look();
    if (stop.reason() !== null) await stopped;
    await sampling?.stop();
    facts.samples = sampling?.samples() ?? [];
    facts.leftover = leftIn(group);
    facts.reading = readCounters(group);
    facts.oomKillAtMs = await oomTime.first(facts.reading.mem.oomKills);
    facts.oomKillsOutside = oomKills?.outside(group.name, facts.reading.mem.oomKills) ?? [];
    facts.cpu = readCpu(group);
    if (facts.wallMs === null && clock.startNs !== null) facts.wallMs = sinceStart(clock);
    if (facts.leftover.length > 0 && facts.spec.wait === 'quiet' && stop.reason() === null) await endLeftover(context);
  };
  return {
    ended: follow(),
    lookOutside: look,
    close: async () => {
      clearInterval(watch);
      clearInterval(looks);
      sampler.close();
      oomTime.close();
      facts.overrunMs = overrun.longestMs();
      if (deadline !== null) clearTimeout(deadline);
      await sampling?.stop();
    },
  };
}

/** A look for which no descriptor or memory is free is skipped: that says nothing about the run. */
function unlessShort(look: () => void): () => void {
  return () => {
    try {
      look();
    } catch (error) {
      if (!isShortage(error)) throw error;
    }
  };
}

function takeOutsiders({ facts, failures }: WatchContext, clock: Clock, outsiders: readonly Outsider[]): void {
  // Whatever runs before the first step's begin is reported belongs to that step.
  const step = Math.max(facts.steps.length - 1, 0);
  for (const { pid, comm, to, wasInside } of outsiders) {
    const born = wasInside ? false : null;
    failures.takeSeen({ atMs: sinceStart(clock), pid, comm, born, by: null, to, step });
  }
}

function lookForOverrun(context: WatchContext, clock: Clock, sampler: Sampler, overrun: OverrunWatch): void {
  const { facts, supervisor, failures } = context;
  const { limit, usageWhenSet } = facts.kmemLimit;
  if (limit === null || clock.startNs === null) return;
  const { kmem } = sampler.read();
  // Usage from before the limit was set is no overrun; once usage falls below the limit, the limit counts.
  const allowed = Math.max(limit, usageWhenSet ?? 0);
  if (kmem !== null && kmem <= limit && allowed > limit) void markKmem(context);
  overrun.take({ atMs: sinceStart(clock), kmem, limit: allowed, denials: failures.denials() });
  // The answer arrives before the next look.
  if (kmem !== null && kmem > limit) supervisor.askTotals();
}

/** Ends what runs; a helper that then does not report the end is killed too, or the run would wait forever. */
async function endRun({ facts: { spec }, stop, group, supervisor }: WatchContext): Promise<void> {
  try {
    if (stop.reason() === 'gate-lost') {
      await killGroup(group);
      // Processes that left the group wait for an answer that does not come: the helper, if any, ends them.
      supervisor.finish();
    } else await endGroup(group, spec.graceMs, stop.mustKill);
  } finally {
    setTimeout(supervisor.kill, HELPER_TIMEOUT_MS).unref();
  }
}

/** A process that follows its parent (bwrap, dbus-daemon) is about to exit by itself: it is not a leftover. */
const LAST_CHILDREN_MS = 200;

async function untilLastChildren({ group, stop }: WatchContext): Promise<void> {
  const until = performance.now() + LAST_CHILDREN_MS;
  await untilEmpty(group, () => performance.now() >= until || stop.reason() !== null);
}

function leftIn(group: Group): Process[] {
  return processesOf(group).flatMap((pid) => describe(pid) ?? []);
}

type OwnWait = { isOn: boolean; isCut: boolean };

/** After the last step: waits until the run is over by its rule, and as long as it is to be held. */
async function linger(context: WatchContext, wait: OwnWait): Promise<void> {
  const { facts, stop, group } = context;
  const { spec } = facts;
  if (stop.reason() !== null) return;
  const from = performance.now();
  const isOver = (): boolean => stop.reason() !== null;
  if (spec.wait === 'empty') await untilEmpty(group, isOver);
  const reason = spec.wait === 'quiet' ? await waitForQuiet(context, wait) : spec.wait;
  const left = spec.holdMs - (spec.wait === 'quiet' ? performance.now() - from : 0);
  if (left > 0 && !isOver()) await hold(left, stop);
  const stays = context.options.onStay !== undefined && reason !== 'empty' && !isOver();
  const end = stays ? await stay(context) : reason;
  facts.ending = {
    rule: stays ? 'terminal' : spec.wait,
    reason: isOver() ? null : end,
    waitedMs: performance.now() - from,
  };
}

async function hold(ms: number, stop: Stop): Promise<void> {
  const held = new AbortController();
  await Promise.race([sleep(ms, undefined, { signal: held.signal }).catch(() => {}), stop.happened]);
  held.abort();
}

async function waitForQuiet(context: WatchContext, wait: OwnWait): Promise<Quiet | null> {
  const { facts, stop, group } = context;
  const { quietForMs, quietLimitMs } = facts.spec;
  wait.isOn = true;
  const isOver = (): boolean => wait.isCut || stop.reason() !== null;
  const counts = () => countsOf(context);
  const quiet = await untilQuiet(group, { quietForMs, limitMs: quietLimitMs, counts, isOver });
  wait.isOn = false;
  return wait.isCut ? 'limit' : quiet;
}

async function countsOf({ supervisor }: WatchContext): Promise<Activity | null> {
  supervisor.askTotals();
  try {
    return await supervisor.next('totals');
  } catch {
    return null;
  }
}

/** On a terminal: the user observes the daemon for as long as they like, and ends it with Ctrl-C. */
async function stay({ stop, group, options }: WatchContext): Promise<'empty' | 'stopped'> {
  let isLeft = false;
  void stop.untilLeft().then(() => {
    isLeft = true;
  });
  options.onStay?.(leftIn(group));
  await untilEmpty(group, () => isLeft || stop.reason() !== null);
  return isLeft ? 'stopped' : 'empty';
}

/** Leftover processes are ended as an init would; from now on they are denied nothing, and nothing they do counts. */
async function endLeftover({ facts: { spec }, stop, group, supervisor }: WatchContext): Promise<void> {
  supervisor.close();
  // If the helper is gone, there is no event to wait for.
  await supervisor.next('closed').catch(() => {});
  await endGroup(group, spec.graceMs, stop.mustKill);
}

/** Usage that stays above the kmem limit with no call to deny: page tables grown by page faults. */

export type OverrunWatch = Readonly<{
  /** Takes a reading: bytes, the bound on them, and the denials so far. */
  take: (reading: Readonly<{ atMs: number; kmem: number | null; limit: number; denials: number }>) => void;
  /** Milliseconds of the longest stretch; 0 if none was worth reporting. */
  longestMs: () => number;
}>;

/** A shorter stretch is one call and the page faults after it, which the overshoot reports. */
const WORTH_TELLING_MS = 200;

/** `onOverrun` is called once, when a stretch is worth reporting. */
export function watchOverrun(onOverrun: () => void): OverrunWatch {
  let since: { atMs: number; denials: number } | null = null;
  let longest = 0;
  return {
    take: ({ atMs, kmem, limit, denials }) => {
      if (kmem === null || kmem <= limit) since = null;
      else if (since === null || denials > since.denials) since = { atMs, denials };
      if (since === null || atMs - since.atMs < WORTH_TELLING_MS) return;
      if (longest === 0) onOverrun();
      longest = Math.max(longest, atMs - since.atMs);
    },
    longestMs: () => longest,
  };
}
