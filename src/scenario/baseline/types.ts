import { z } from 'zod';
import { SetupError } from '../../errors.ts';
import { parseSize } from '../../request/size.ts';

/** A baseline entry of a scenario on a kernel: what its runs measured when it was written. */

/** The values of several runs, lowest to highest: the spread, and the input of judge(). */
export type Numbers = readonly number[];

/** How often each value occurred. */
export type Kinds = Readonly<Record<string, number>>;

/** Figures that are compared with the baseline. Memory and TCP buffers only if they were limited. */
export const FIGURES = ['kmem', 'failcnt', 'mem', 'kmemTcp'] as const;
export type BaselineFigure = (typeof FIGURES)[number];

export type Circumstances = Readonly<{
  linux: string;
  cgroup: string;
  enforcement: string;
  aslr: boolean;
  /** CPUs that the steps could use. */
  cpus: number;
}>;

export type BaselineEntry = Readonly<{
  measuredOn: Circumstances;
  limits: Readonly<Record<string, number>>;
  outcome: Kinds;
  /** How the steps ended: `exit 0, exit 126`. */
  ends: Kinds;
  /** `apachectl: execve (ENOMEM)`, or `none`. */
  firstFailing: Kinds;
  /** Excludes figures that could not be read. */
  figures: Readonly<Partial<Record<BaselineFigure, Numbers>>>;
  // Shows where a change comes from; medians.
  /** Concurrent processes and threads. */
  processes: number | null;
  /** Composition of kernel memory at its peak, if the kernel splits it (cgroup v2). */
  parts: Readonly<Record<string, number>> | null;
  /** The group's peak during each of its steps, in their order. */
  steps: readonly Readonly<{ name: string; kmem: number }>[];
}>;

/** By scenario, then by kernel (`host`, or the name of one). */
export type Book = Readonly<Record<string, Readonly<Record<string, BaselineEntry>>>>;

/** How far a median may deviate: a share of it, or an amount. */
export type Tolerance = Readonly<{ share: number; atLeast: number }>;

export type BaselineSettings = Readonly<{
  /** The file has the key `baseline`: a missing baseline is then an error. */
  isNamed: boolean;
  /** Null: beside the scenario. */
  file: string | null;
  tolerance: Readonly<Record<BaselineFigure, Tolerance>>;
}>;

z.config({ jitless: true });

const count = z.number().nonnegative();

const kinds = z.record(z.string(), z.int().positive());

const entry = z.strictObject({
  measuredOn: z.strictObject({
    linux: z.string(),
    cgroup: z.string(),
    enforcement: z.string(),
    aslr: z.boolean(),
    cpus: z.int(),
  }),
  limits: z.record(z.string(), count),
  outcome: kinds,
  ends: kinds,
  firstFailing: kinds,
  ...(Object.fromEntries(FIGURES.map((figure) => [figure, z.array(count).min(1).optional()])) as Record<
    (typeof FIGURES)[number],
    z.ZodOptional<z.ZodArray<typeof count>>
  >),
  processes: count.optional(),
  parts: z.record(z.string(), count).optional(),
  steps: z.array(z.strictObject({ name: z.string(), kmem: count })),
});

export const baselineSchema = z.strictObject({
  version: z.literal(1),
  scenarios: z.record(z.string(), z.record(z.string(), entry)),
});

export type BaselineFile = z.infer<typeof baselineSchema>;

export type EntryInFile = z.infer<typeof entry>;

const SHARE = 0.1;

/** Below these amounts a share means nothing: a page more or less in a small program, one refusal among three. */
const BYTES = 16_384;

const COUNT = 1;

function byDefault(figure: BaselineFigure): Tolerance {
  return { share: SHARE, atLeast: figure === 'failcnt' ? COUNT : BYTES };
}

type Given = string | { readonly [figure in BaselineFigure]?: string | undefined } | undefined;

/** @throws SetupError `bad-tolerance`. */
export function readTolerances(given: Given): Record<BaselineFigure, Tolerance> {
  const of = (figure: BaselineFigure): Tolerance => {
    const text = typeof given === 'object' ? given[figure] : given;
    if (text === undefined) return byDefault(figure);
    // A single size for all is in bytes.
    if (typeof given === 'string' && figure === 'failcnt' && !text.endsWith('%')) return byDefault(figure);
    return readTolerance(text, figure);
  };
  return Object.fromEntries(FIGURES.map((figure) => [figure, of(figure)])) as Record<BaselineFigure, Tolerance>;
}

/** `10%`; `64K`, or for failcnt `3`. @throws SetupError `bad-tolerance`. */
export function readTolerance(text: string, figure: BaselineFigure): Tolerance {
  const [, percent] = /^([0-9]{1,4}(?:\.[0-9]+)?) ?%$/.exec(text) ?? [];
  if (percent !== undefined) return { share: Number(percent) / 100, atLeast: 0 };
  if (figure === 'failcnt' && /^[0-9]{1,9}$/.test(text)) return { share: 0, atLeast: Number(text) };
  try {
    if (figure !== 'failcnt') return { share: 0, atLeast: parseSize(text) };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
  }
  throw new SetupError(
    'bad-tolerance',
    `invalid tolerance: ${JSON.stringify(text)}`,
    `use a share such as 10%, or ${figure === 'failcnt' ? 'a number such as 3' : 'a size such as 64K'}`,
  );
}

export function slackOf({ share, atLeast }: Tolerance, median: number): number {
  return Math.max(share * median, atLeast);
}

/** `10 %`, `64K` for people. */
export function toleranceText({ share, atLeast }: Tolerance, format: (value: number) => string): string {
  const percent = `${Math.round(share * 1000) / 10} %`;
  if (share === 0) return atLeast === 0 ? 'none' : format(atLeast);
  return atLeast === 0 ? percent : `${percent}, at least ${format(atLeast)}`;
}
