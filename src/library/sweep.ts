import { SetupError } from '../errors.ts';
import { numberFor } from '../experiment/bounds.ts';
import { sweepPlan } from '../experiment/sweep/plan.ts';
import { type Axes, newSeed } from '../experiment/sweep/points.ts';
import type { SweepReport } from '../experiment/sweep/report.ts';
import type { SweepQuestion } from '../experiment/sweep/sweep.ts';
import { parseCounts, parseLimits, parseNames } from '../request/ranges.ts';
import type { Size } from '../request/size.ts';
import { sweptSubject } from '../scenario/subject.ts';
import { type ExperimentEvent, experiment, type Planned } from './experiment.ts';
import { type CommonInput, keyAsName, type SubjectInput, splitInput } from './input.ts';
import type { EndOptions } from './run.ts';
import type { Running } from './running.ts';

/** Sizes to try, in bytes or as strings: one, a list, or a range such as `'512K..4M:256K'` or `'512K..4M*2'`. */
export type SizeRange = Size | readonly Size[] | null | undefined;

export type SweepInput = SubjectInput<'kmem' | 'mem' | 'kmemTcp' | 'pids' | 'kernel' | 'traceGate'> &
  CommonInput &
  Readonly<{
    /** Limits of kernel memory, memory and TCP buffers; absent: not limited. */
    kmem?: SizeRange;
    mem?: SizeRange;
    kmemTcp?: SizeRange;
    /** Limits of concurrent processes and threads; absent: not limited. */
    pids?: number | string | readonly (number | string)[] | null | undefined;
    /** Names of kernels to boot; `'host'` is the running one. Absent: only the running one. */
    kernel?: string | readonly string[] | null | undefined;
    /** Number of runs at each point; absent: 1. */
    repeat?: number | undefined;
    /** Seed of the order, from the report of another sweep; absent: a new one. */
    seed?: number | null | undefined;
  }>;

/**
 * Runs a command at many limits and reports at which it passes. Resolves with the report; after an abort with
 * `status: 'stopped'` and what is known so far.
 * @throws SetupError (as a rejection) if the input is invalid or runs could not be performed. If any run was planned,
 * `.result` is the report.
 */
export function sweep(input: SweepInput, options: EndOptions = {}): Running<SweepReport, ExperimentEvent> {
  return experiment(() => planned(input), options);
}

const OWN = ['kmem', 'mem', 'kmemTcp', 'pids', 'kernel', 'repeat', 'seed'];
const WITHOUT = { traceGate: 'each run would overwrite the file' };

async function planned(given: SweepInput): Promise<Planned<SweepReport>> {
  const { asked, own, common } = splitInput(given, OWN, WITHOUT);
  const number = (key: 'repeat' | 'seed', otherwise: () => number): number =>
    own(key) === undefined ? otherwise() : numberFor(key, own(key), keyAsName);
  const axes = axesOf(own);
  const question: SweepQuestion = {
    ...(await sweptSubject(asked, keyAsName, axes.kernel)),
    ...{ ...common, axes },
    repeat: number('repeat', () => 1),
    seed: number('seed', newSeed),
  };
  return { question, plan: sweepPlan(question, keyAsName) };
}

function axesOf(own: (key: string) => unknown): Axes {
  const axes: { -readonly [K in keyof Axes]: Axes[K] } = {};
  for (const key of ['kmem', 'mem', 'kmemTcp', 'pids'] as const) {
    const parse = key === 'pids' ? parseCounts : parseLimits;
    if (own(key) !== undefined) axes[key] = parse(textOf(own(key), key), { name: key });
  }
  if (own('kernel') !== undefined) {
    const names = parseNames(textOf(own('kernel'), 'kernel'), { name: 'kernel' });
    axes.kernel = names.map((name) => (name === 'host' ? null : name));
  }
  return axes;
}

/** The values as on a command line, separated by commas. @throws SetupError `bad-range`. */
function textOf(given: unknown, name: string): string {
  const values: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (values.length > 0 && values.every((value) => typeof value === 'string' || typeof value === 'number'))
    return values.join(',');
  throw new SetupError(
    'bad-range',
    `${name} has values that are neither numbers nor strings`,
    "use [1024, '2M'] or '1M,2M'",
  );
}
