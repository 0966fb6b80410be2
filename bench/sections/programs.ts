import { type Bench, findProgram, type Section } from '../bench.ts';
import { onOneCpu, output, STRACE_CALLS, type Words } from '../commands.ts';
import { startGated } from '../gated.ts';
import { interleave } from '../interleave.ts';
import { combine, difference, known, ratio, type Series } from '../statistics.ts';
import { figure, layOut, type Row, times } from '../table.ts';
import { freePort, requestsPerSecond, stopByPidFile, untilAnswers, writeConfiguration } from './apache.ts';

type Load = Readonly<{ name: string; unit: string; measure: (bench: Bench, watched: boolean) => Promise<number> }>;

/** Each figure is from a separate run: an attached program costs all processes, not only those that it watches. */
export const programs: Section = {
  name: 'programs',
  about: 'the same gated run with BPF programs (page faults, moves of tasks) and without them',
  run: async (bench) => {
    const rounds = bench.quick ? 3 : 25;
    const rows: Row[] = [['', 'without', 'with', 'with / without', '']];
    for (const { name, unit, measure } of loadsOf()) {
      const measured = await interleave(
        [
          { name: 'without', measure: () => measure(bench, false) },
          { name: 'with', measure: () => measure(bench, true) },
        ] as const,
        rounds,
      );
      rows.push([name, ...cells(measured.without, measured.with, unit)]);
    }
    bench.say(layOut(rows));
  },
};

function cells(without: Series, withThem: Series, unit: string): string[] {
  return [
    figure(known(without), unit),
    figure(known(withThem), unit),
    times(combine(withThem, without, ratio)),
    `${figure(combine(withThem, without, difference), unit)} more`,
  ];
}

function loadsOf(): Load[] {
  const [program, ab] = [findProgram('apache2'), findProgram('ab')];
  const apache: Load[] =
    program === null || ab === null
      ? []
      : [
          {
            name: 'Apache under ab, one request',
            unit: 'µs',
            measure: async (bench, watched) => 1e6 / (await requests(bench, watched, program, ab)),
          },
        ];
  return [
    {
      name: 'eventfd2 + close in the run, one CPU',
      unit: 'µs',
      measure: (bench, watched) => inRun(bench, watched, 'eventfd2'),
    },
    { name: 'fork + wait in the run, one CPU', unit: 'µs', measure: (bench, watched) => inRun(bench, watched, 'fork') },
    ...apache,
    {
      name: 'eventfd2 + close beside it, one CPU',
      unit: 'µs',
      measure: (bench, watched) => beside(bench, watched, 'eventfd2'),
    },
    { name: 'fork + wait beside it, one CPU', unit: 'µs', measure: (bench, watched) => beside(bench, watched, 'fork') },
    { name: 'load and attach: the start of a run', unit: 'ms', measure: startMs },
  ];
}

function loop(bench: Bench, kind: string): Words {
  return [bench.program('calls'), kind, '100', String(STRACE_CALLS)];
}

/** Microseconds per call, as the program prints it. */
function perCall(printed: string): number {
  const [nanoseconds = Number.NaN, , failures] = printed.trim().split(' ').map(Number);
  if (failures !== 0) throw new Error(`${failures} calls failed`);
  return nanoseconds / 1000;
}

async function inRun(bench: Bench, watched: boolean, kind: string): Promise<number> {
  const run = await startGated(bench, loop(bench, kind), { watched, onOneCpu: true });
  return perCall(await run.output());
}

/** A process outside the group, while a run sleeps. */
async function beside(bench: Bench, watched: boolean, kind: string): Promise<number> {
  const run = await startGated(bench, ['sleep', '60'], { watched, onOneCpu: false });
  try {
    return perCall(output(onOneCpu(loop(bench, kind))));
  } finally {
    await run.end();
  }
}

async function startMs(bench: Bench, watched: boolean): Promise<number> {
  const run = await startGated(bench, ['true'], { watched, onOneCpu: false });
  await run.output();
  return run.startMs;
}

async function requests(bench: Bench, watched: boolean, program: string, ab: string): Promise<number> {
  const port = await freePort();
  const { folder, file } = writeConfiguration(bench, port);
  const words = [program, '-d', folder, '-f', file, '-D', 'FOREGROUND'];
  const run = await startGated(bench, words, { watched, onOneCpu: false });
  try {
    await untilAnswers(port, 'gated', () => null);
    return requestsPerSecond(bench, ab, port);
  } finally {
    stopByPidFile(folder);
    await run.end();
  }
}
