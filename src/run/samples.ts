import { readCpu } from '../cgroup/counters.ts';
import { processesOf } from '../cgroup/processes.ts';
import { openSampler } from '../cgroup/sampler.ts';
import type { Group } from '../cgroup/types.ts';

export type GroupSample = {
  atMs: number;
  kmem: number | null;
  mem: number | null;
  processes: number | null;
  rss: number | null;
  cpuPercent: number | null;
};

export type Sampling = Readonly<{
  samples: () => readonly GroupSample[];
  /** Takes a last sample and stops. */
  stop: () => Promise<void>;
}>;

export type SamplingOptions = Readonly<{
  /** Milliseconds; null: no samples. */
  everyMs: number | null;
  atMs: () => number;
  onSample: (sample: GroupSample) => void;
}>;

/** pidusage holds a descriptor for each pid: above this number only the group's own figures are used. */
const MOST_PIDS = 32;
const MOST_SAMPLES = 2000;

/** Reads the group every few milliseconds. A long run keeps a bounded number of samples, including the peaks. */
export function startSampling(group: Group, { everyMs, atMs, onSample }: SamplingOptions): Sampling {
  if (everyMs === null) return { samples: () => [], stop: async () => {} };
  const sampler = openSampler(group);
  const perProcess = createProcessFigures(group);
  let samples: GroupSample[] = [];
  let pending: Promise<void> | null = null;

  const take = (): GroupSample => {
    const sample: GroupSample = { atMs: atMs(), ...sampler.read(), rss: null, cpuPercent: null };
    samples.push(sample);
    if (samples.length > MOST_SAMPLES) samples = thin(samples);
    onSample(sample);
    return sample;
  };
  const tick = (): void => {
    const sample = take();
    // Reads the processes one round at a time: on a busy machine a round may take longer than the interval.
    pending ??= perProcess(sample).finally(() => {
      pending = null;
    });
  };
  const timer = setInterval(tick, everyMs);
  const finish = async (): Promise<void> => {
    clearInterval(timer);
    await pending;
    take();
    sampler.close();
  };
  let finished: Promise<void> | null = null;
  return {
    samples: () => samples,
    stop: () => {
      // Only once: a second call would find the group removed and the sampler closed.
      finished ??= finish();
      return finished;
    },
  };
}

/** Keeps every second sample, and those with the highest kmem and mem. */
export function thin(samples: readonly GroupSample[]): GroupSample[] {
  const peaks = new Set([indexOfHighest(samples, 'kmem'), indexOfHighest(samples, 'mem')]);
  return samples.filter((_, index) => index % 2 === 0 || index === samples.length - 1 || peaks.has(index));
}

function indexOfHighest(samples: readonly GroupSample[], key: 'kmem' | 'mem'): number {
  return samples.reduce(
    (best, sample, index) => ((sample[key] ?? -1) > (samples[best]?.[key] ?? -1) ? index : best),
    0,
  );
}

/**
 * Fills in RSS and CPU: per process through pidusage while there are few; otherwise CPU of the whole group and no RSS.
 */
function createProcessFigures(group: Group): (sample: GroupSample) => Promise<void> {
  let pidusage: typeof import('pidusage') | null = null;
  let before: { atMs: number; cpuMs: number } | null = null;

  const ofGroup = (sample: GroupSample): void => {
    const cpu = readCpu(group);
    if (cpu === null) return;
    const now = { atMs: sample.atMs, cpuMs: cpu.userMs + cpu.systemMs };
    if (before !== null && now.atMs > before.atMs)
      sample.cpuPercent = (100 * (now.cpuMs - before.cpuMs)) / (now.atMs - before.atMs);
    before = now;
  };
  return async (sample) => {
    try {
      const pids = processesOf(group);
      if (pids.length === 0) return;
      if (pids.length > MOST_PIDS) {
        ofGroup(sample);
        return;
      }
      // Loaded at the first sample, not at launch: most short runs never need it.
      pidusage ??= (await import('pidusage')).default as unknown as typeof import('pidusage');
      const figures = Object.values(await pidusage(pids)).filter((figure) => figure !== null);
      if (figures.length === 0) return;
      sample.rss = figures.reduce((sum, { memory }) => sum + memory, 0);
      sample.cpuPercent = figures.reduce((sum, { cpu }) => sum + cpu, 0);
    } catch {
      // All exited between the two looks, or no descriptor is free: there is no figure.
    }
  };
}
