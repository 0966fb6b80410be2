import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Section } from '../bench.ts';
import { kmemRun, output, type Words } from '../commands.ts';
import { interleave } from '../interleave.ts';
import { known } from '../statistics.ts';
import { figure, goal, layOut, type Row } from '../table.ts';

const RUNNER_GOAL_MB = 90;
const HELPER_GOAL_MB = 3;
const LOOK_EVERY_MS = 5;

type MemoryCase = Readonly<{ name: string; words: Words }>;

/** The largest resident set of kmem-run's own processes, over a whole run. */
export const memory: Section = {
  name: 'memory',
  about: 'peak resident memory of the runner (Node) and of its helper',
  run: async (bench) => {
    const rounds = bench.quick ? 2 : 5;
    const rows: Row[] = [];
    for (const { name, words } of casesOf(bench)) {
      const variants = [
        { name: 'runner', measure: () => runnerPeakMb(bench, words) },
        { name: 'helper', measure: () => helperPeakMb(words) },
      ] as const;
      const { runner, helper } = await interleave(variants, rounds);
      rows.push([
        name,
        figure(known(runner), 'MB'),
        goal('at most', RUNNER_GOAL_MB, 'MB', known(runner)),
        figure(known(helper), 'MB'),
        goal('at most', HELPER_GOAL_MB, 'MB', known(helper)),
      ]);
    }
    bench.say(layOut([['', 'runner', '', 'helper', ''], ...rows]));
  },
};

function casesOf(bench: Bench): MemoryCase[] {
  const milliseconds = bench.quick ? '300' : '1000';
  const storm = [bench.program('calls'), 'later-failures', milliseconds, '100000000'];
  const report = ['--json', '/dev/null', '--sample', '50ms', '--output', 'null'];
  return [
    { name: 'sleep 0.2', words: kmemRun(['--kmem', '64M'], ['sleep', '0.2']) },
    { name: 'sleep 0.2, samples, --json', words: kmemRun(['--kmem', '64M', ...report], ['sleep', '0.2']) },
    { name: 'storm of denials, samples, --json', words: kmemRun(['--kmem', '1M', ...report], storm) },
  ];
}

/** ru_maxrss of the runner and of what it waited for (smaller): its helper, and that helper's children. */
function runnerPeakMb(bench: Bench, words: Words): number {
  const [, kibibytes] = output([bench.program('timed'), ...words])
    .trim()
    .split(' ')
    .map(Number);
  return ((kibibytes ?? Number.NaN) * 1024) / 1e6;
}

/** VmHWM of the supervisor (the helper's largest process and a child of its guardian), as last seen. */
async function helperPeakMb(words: Words): Promise<number | null> {
  const [file = '', ...args] = words;
  const runner = spawn(file, args, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => runner.once('close', () => resolve()));
  let over = false;
  void ended.then(() => {
    over = true;
  });
  let peak: number | null = null;
  while (!over) {
    for (const pid of childrenOf(runner.pid ?? -1).flatMap(childrenOf))
      peak = Math.max(peak ?? 0, helperHwm(pid) ?? 0) || peak;
    await sleep(LOOK_EVERY_MS);
  }
  await ended;
  return peak;
}

/** Bytes ÷ 10⁶; null for a process that is gone or is not (yet) the helper: before its exec it is a copy of Node. */
function helperHwm(pid: number): number | null {
  const status = readOrEmpty(`/proc/${pid}/status`);
  if (!/^Name:\tkmem-helper$/m.test(status)) return null;
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? null : (Number(kibibytes) * 1024) / 1e6;
}

function childrenOf(pid: number): number[] {
  return readOrEmpty(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
