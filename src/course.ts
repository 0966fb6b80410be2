import { setTimeout as sleep } from 'node:timers/promises';
import { readCounters, readCpu } from './cgroup/counters.ts';
import { killGroup } from './cgroup/kill.ts';
import { describe, processesOf } from './cgroup/processes.ts';
import { openSampler, type Sampler } from './cgroup/sampler.ts';
import type { Group } from './cgroup/types.ts';
import type { Plan } from './launch/plan.ts';
import { endGroup, passOnBrokenPipe, type Stop, untilEmpty } from './launch/stop.ts';
import type { Streams } from './launch/streams.ts';
import type { Supervisor } from './launch/supervisor.ts';
import type { FailureLog } from './observe/failures.ts';
import { watchOomKills } from './observe/oom-kills.ts';
import { watchOomTime } from './observe/oom-time.ts';
import { type OverrunWatch, watchOverrun } from './observe/overrun.ts';
import { type Sample, type Sampling, startSampling } from './observe/samples.ts';
import type { Facts } from './result/assemble.ts';
import { markKmem } from './steps/limits.ts';
import { type Clock, sinceStart } from './steps/scene.ts';
import { openSteps } from './steps/take.ts';

export type Progress = Sample & Readonly<{ denials: number }>;

/** A run from the moment at which everything stands ready. */
export type Course = Readonly<{ ended: Promise<void>; close: () => Promise<void> }>;

type Scene = Readonly<{
  facts: Facts;
  plan: Plan;
  stop: Stop;
  group: Group;
  supervisor: Supervisor;
  streams: Streams;
  failures: FailureLog;
  options: Readonly<{ onProgress?: ((progress: Progress) => void) | undefined }>;
}>;

const WATCH_EVERY_MS = 50;
const HELPER_PATIENCE_MS = 3000;

/** Has the steps taken, watches them, and reads the counters when the last one is over. */
export function followRun(scene: Scene): Course {
  const { facts, stop, group, streams } = scene;
  const clock: Clock = { startNs: null, early: [] };
  let sampling: Sampling | null = null;
  let deadline: NodeJS.Timeout | null = null;
  const overrun = watchOverrun(() => {
    if (facts.spec.onOverrun === 'kill') stop.end('overrun');
  });
  const oomKills = facts.mode === 'native' ? watchOomKills() : null;
  const oomTime = watchOomTime(group, () => sinceStart(clock));
  const sampler = openSampler(group);
  const watch = setInterval(() => {
    passOnBrokenPipe(group, [streams.captures.stdout, streams.captures.stderr]);
    if (facts.mode === 'gate') lookForOverrun(scene, clock, sampler, overrun);
  }, WATCH_EVERY_MS);

  const onBegin = (): void => {
    if (facts.spec.timeoutMs !== null) deadline ??= setTimeout(() => stop.end('walltime'), facts.spec.timeoutMs);
  };
  const onGo = (): void => {
    onBegin();
    sampling ??= startSampling(group, {
      everyMs: facts.spec.sampleMs,
      atMs: () => sinceStart(clock),
      onSample: (sample) => {
        if (scene.options.onProgress === undefined) return;
        scene.supervisor.askTotals();
        scene.options.onProgress({ ...sample, denials: scene.failures.denials() });
      },
    });
  };
  const steps = openSteps(scene, clock, { onBegin, onGo });
  const course = async (): Promise<void> => {
    const stopped = stop.happened.then(() => endRun(scene));
    // Awaited below, when the helper has told of the end: a failure is not to end kmem-run itself before that.
    stopped.catch(() => {});
    await steps.take();
    // What is meant to run on would keep it from ever being empty.
    if (facts.spec.wait === 'empty') await steps.endBackground();
    await linger(scene);
    await steps.endBackground();
    steps.close();
    if (stop.reason() !== null) await stopped;
    await sampling?.stop();
    facts.samples = sampling?.samples() ?? [];
    facts.leftover = processesOf(group).flatMap((pid) => describe(pid) ?? []);
    facts.reading = readCounters(group);
    facts.oomKillAtMs = await oomTime.first(facts.reading.mem.oomKills);
    facts.oomKillsOutside = oomKills?.outside(group.name, facts.reading.mem.oomKills) ?? [];
    facts.cpu = readCpu(group);
    if (facts.wallMs === null && clock.startNs !== null) facts.wallMs = sinceStart(clock);
  };
  return {
    ended: course(),
    close: async () => {
      steps.close();
      clearInterval(watch);
      sampler.close();
      oomTime.close();
      facts.overrunMs = overrun.longestMs();
      if (deadline !== null) clearTimeout(deadline);
      await sampling?.stop();
    },
  };
}

function lookForOverrun(scene: Scene, clock: Clock, sampler: Sampler, overrun: OverrunWatch): void {
  const { facts, supervisor, failures } = scene;
  const { limit, usageWhenSet } = facts.kmemLimit;
  if (limit === null || clock.startNs === null) return;
  const { kmem } = sampler.read();
  // What was there when the limit was set is no overrun; from where it is given back on, the limit is what counts.
  const allowed = Math.max(limit, usageWhenSet ?? 0);
  if (kmem !== null && kmem <= limit && allowed > limit) void markKmem(scene);
  overrun.take({ atMs: sinceStart(clock), kmem, limit: allowed, denials: failures.denials() });
  // The answer is there by the next look.
  if (kmem !== null && kmem > limit) supervisor.askTotals();
}

/** Ends what runs; a helper that then does not tell of the end is ended too, or the run would wait for ever. */
async function endRun({ facts: { spec }, stop, group, supervisor }: Scene): Promise<void> {
  try {
    if (stop.reason() === 'gate-lost') await killGroup(group);
    else await endGroup(group, spec.graceMs, stop.isHurried);
  } finally {
    setTimeout(supervisor.kill, HELPER_PATIENCE_MS).unref();
  }
}

/** After the last step: until the group is empty, if so asked, and as long as it is to be held. */
async function linger({ facts: { spec }, stop, group }: Scene): Promise<void> {
  if (spec.wait === 'empty') await untilEmpty(group, () => stop.reason() !== null);
  if (spec.holdMs > 0 && stop.reason() === null) {
    const held = new AbortController();
    await Promise.race([sleep(spec.holdMs, undefined, { signal: held.signal }).catch(() => {}), stop.happened]);
    held.abort();
  }
}
