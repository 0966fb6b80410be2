import { listKernels } from '../../src/kernels/list.ts';
import { type Bench, findProgram, type Section } from '../bench.ts';
import { GENEROUS, kmemRun, output, type Words } from '../commands.ts';
import { interleave } from '../interleave.ts';
import { combine, known, ratio } from '../statistics.ts';
import { figure, goal, layOut, type Row, times } from '../table.ts';
import { writeConfiguration } from './apache.ts';

const MODES = ['none', 'kernel', 'gate'] as const;
type Mode = (typeof MODES)[number];

const KINDS = ['eventfd2', 'openat', 'mmap'] as const;
/** Ratios, by granularity. */
const CALL_GOALS: Readonly<Record<string, number>> = { allocation: 1.25, object: 1.15 };
/** Of a process outside the group, whose calls the programs see, too. */
const OUTSIDE_GOALS: Readonly<Record<string, number>> = { allocation: 1.1, object: 1.03 };
const APACHE_GOAL = 0.95;
/** In the network of a microVM, nobody else has it. */
const PORT = 8080;

/** In microVMs, where BPF programs may refuse: on the running kernel they may be forbidden. */
export const enforce: Section = {
  name: 'enforce',
  about: 'calls and requests to Apache in microVMs: --enforce kernel and gate beside none',
  onlyByName: true,
  run: async (bench) => {
    const kernels = (await listKernels(false)).filter(({ name }) => name !== '5.10');
    if (kernels.length === 0) bench.say('  no kernel: kmem-run kernel add 6.1\n');
    for (const { name } of kernels) await onKernel(bench, name);
  },
};

async function onKernel(bench: Bench, kernel: string): Promise<void> {
  const rounds = bench.quick ? 3 : 7;
  const granularity = granularityOn(kernel);
  const rows: Row[] = [[`${kernel}: ${granularity}`, 'none', 'kernel / none', 'gate / none', '']];
  for (const [kind, place] of [...KINDS.map((name) => [name, 'group'] as const), [KINDS[0], 'outside'] as const]) {
    const measured = await interleave(
      variants((mode) => perCall(bench, kernel, mode, kind, place)),
      rounds,
    );
    const kernelRatio = combine(measured.kernel, measured.none, ratio);
    const gateRatio = combine(measured.gate, measured.none, ratio);
    const goals = place === 'group' ? CALL_GOALS : OUTSIDE_GOALS;
    const aim = goal('at most', goals[granularity] ?? 1, '×', kernelRatio);
    rows.push([
      place === 'group' ? kind : `${kind}, outside`,
      figure(known(measured.none), 'µs'),
      times(kernelRatio),
      times(gateRatio),
      aim,
    ]);
  }
  const served = await interleave(
    variants((mode) => requests(bench, kernel, mode)),
    rounds,
  );
  const kernelRatio = combine(served.kernel, served.none, ratio);
  const gateRatio = combine(served.gate, served.none, ratio);
  const aim = goal('at least', APACHE_GOAL, '×', kernelRatio);
  rows.push(['Apache', figure(known(served.none), '/s'), times(kernelRatio), times(gateRatio), aim]);
  bench.say(layOut(rows));
}

function variants(measure: (mode: Mode) => number | null) {
  return MODES.map((name) => ({ name, measure: () => measure(name) }));
}

function granularityOn(kernel: string): string {
  const said = output(kmemRun([...on(kernel, 'kernel'), '--json', '-', '--output', 'null'], ['true']));
  return String(JSON.parse(said).enforcement.granularity);
}

function on(kernel: string, mode: Mode): Words {
  return ['--kernel', kernel, '--enforce', mode, ...(mode === 'none' ? [] : ['--kmem', GENEROUS])];
}

/** Microseconds. */
function perCall(bench: Bench, kernel: string, mode: Mode, kind: string, place: 'group' | 'outside'): number {
  const command = [bench.program('calls'), kind, bench.quick ? '200' : '500', '1000000'];
  const words =
    place === 'group'
      ? kmemRun(on(kernel, mode), command)
      : kmemRun([...on(kernel, mode), '--background', '--client', command.join(' ')], ['sleep', '600']);
  const [nanoseconds = Number.NaN, , failures] = output(words).trim().split(' ').map(Number);
  if (failures !== 0) throw new Error(`${kind}: ${failures} calls failed`);
  return nanoseconds / 1000;
}

/** A second, or null if the tools are not installed. */
function requests(bench: Bench, kernel: string, mode: Mode): number | null {
  const [program, ab] = [findProgram('apache2'), findProgram('ab')];
  if (program === null || ab === null) return null;
  const { folder, file } = configurationIn(bench);
  const client = `${ab} -q -n ${bench.quick ? 300 : 1000} -c 4 http://127.0.0.1:${PORT}/index.html`;
  const options = [...on(kernel, mode), '--ready', `tcp:${PORT}`, '--client', client];
  const said = output(kmemRun(options, [program, '-d', folder, '-f', file]));
  const rate = /^Requests per second:\s+([\d.]+)/m.exec(said)?.[1];
  if (rate === undefined || /^Failed requests:\s+[1-9]/m.test(said)) throw new Error(`ab: ${said}`);
  return Number(rate);
}

let configuration: ReturnType<typeof writeConfiguration> | null = null;

function configurationIn(bench: Bench): ReturnType<typeof writeConfiguration> {
  configuration ??= writeConfiguration(bench, PORT);
  return configuration;
}
