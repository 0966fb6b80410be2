import { type Bench, findProgram, type Section } from '../bench.ts';
import { kmemRun, onOneCpu, output, STRACE_CALLS, ungated, type Words } from '../commands.ts';
import { interleave } from '../interleave.ts';
import { combine, known, ratio } from '../statistics.ts';
import { figure, goal, layOut, type Row, times } from '../table.ts';
import { freePort, writeConfiguration } from './apache.ts';

const EVENTFD_GOAL = 1.6;

/** Microseconds, for one call or one request. */
type Load = Readonly<{
  name: string;
  aim?: number;
  measure: (bench: Bench, options: Words) => number | Promise<number>;
}>;

/** Each figure is from a run of its own: a profile costs all processes of the machine. */
export const profile: Section = {
  name: 'profile',
  about: 'the same run with --enforce none --profile and with --enforce none',
  run: async (bench) => {
    const rows: Row[] = [['', 'without', 'with', 'with / without', '']];
    for (const { name, aim, measure } of loadsOf()) {
      const measured = await interleave(
        [
          { name: 'without', measure: () => measure(bench, ungated) },
          { name: 'with', measure: () => measure(bench, [...ungated, '--profile']) },
        ] as const,
        bench.quick ? 5 : 15,
      );
      const ratios = combine(measured.with, measured.without, ratio);
      const remark = aim === undefined ? '' : goal('at most', aim, '×', ratios);
      rows.push([
        name,
        figure(known(measured.without), 'µs'),
        figure(known(measured.with), 'µs'),
        times(ratios),
        remark,
      ]);
    }
    bench.say(layOut(rows));
  },
};

function loadsOf(): Load[] {
  const [program, ab] = [findProgram('apache2'), findProgram('ab')];
  const loads: Load[] = [
    {
      name: 'eventfd2 + close, one CPU',
      aim: EVENTFD_GOAL,
      measure: (bench, options) => perCall(bench, options, 'eventfd2'),
    },
    { name: 'fork + wait, one CPU', measure: (bench, options) => perCall(bench, options, 'fork') },
  ];
  if (program === null || ab === null) return loads;
  return [
    ...loads,
    { name: 'Apache under ab, one request', measure: (bench, options) => perRequest(bench, options, program, ab) },
  ];
}

function perCall(bench: Bench, options: Words, kind: string): number {
  const command = [bench.program('calls'), kind, '200', String(STRACE_CALLS)];
  const [nanoseconds = Number.NaN, , failures] = output(kmemRun(options, onOneCpu(command)))
    .trim()
    .split(' ')
    .map(Number);
  if (failures !== 0) throw new Error(`${kind}: ${failures} calls failed`);
  return nanoseconds / 1000;
}

async function perRequest(bench: Bench, options: Words, program: string, ab: string): Promise<number> {
  const port = await freePort();
  const { folder, file } = writeConfiguration(bench, port);
  const client = `${ab} -q -n ${bench.quick ? 1000 : 4000} -c 8 http://127.0.0.1:${port}/index.html`;
  const server = [program, '-d', folder, '-f', file, '-D', 'FOREGROUND'];
  const said = output(kmemRun([...options, '--ready', `tcp:${port}`, '--client', client], server));
  const rate = /^Requests per second:\s+([\d.]+)/m.exec(said)?.[1];
  if (rate === undefined || /^(?:Failed requests|Non-2xx responses):\s+[1-9]/m.test(said))
    throw new Error(`ab: ${said}`);
  return 1e6 / Number(rate);
}
