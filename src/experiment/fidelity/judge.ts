/** Does the kernel refuse a row in a mode as it does with a limit of its own? */

import { errnoName } from '../../gate/protocol.ts';
import { formatSize } from '../../request/size.ts';
import type { Result } from '../../result/schema.ts';
import type { ObjectRow } from './rows.ts';

/** How far a number may be off: an allocation is refused where the kernel would refuse its charge. */
export function toleranceOf(granularity: Granularity): number {
  return granularity === 'allocation' ? 0.03 : 0.05;
}

export type AtLimit = Readonly<{
  limit: number;
  /** Objects created: the median of the tries; null: not measured. */
  native: number | null;
  compared: number | null;
  /** `compared / native - 1`; null if either is null. */
  off: number | null;
  /** Bytes, in the compared mode; null: not measured. */
  overshoot: number | null;
}>;

/** One mode beside the kernel's own limit. */
export type RowComparison = Readonly<{
  row: ObjectRow;
  mode: ComparedMode;
  granularity: Granularity;
  /** Its version, and that of the kernel whose own limit was measured. */
  kernel: string;
  reference: string;
  limits: readonly AtLimit[];
  /** Over all limits, the most frequent first; 0: no call failed. */
  errnos: Readonly<{ native: readonly ErrnoCount[]; compared: readonly ErrnoCount[] }>;
  /** `skipped`: not measured, which is as bad as `differs`. */
  verdict: 'same' | 'differs' | 'skipped';
  /** Empty if the verdict is `same`. */
  reasons: readonly string[];
}>;

/** What is compared: readings of one mode on one kernel, and those of a kernel's own limit. */
export type Side = Readonly<{ kernel: string; readings: readonly Reading[] }>;
export type Sides = Readonly<{ mode: ComparedMode; compared: Side; reference: Side }>;

/** `limits`: those under which the row is to be measured; a missing reading makes it `skipped`. */
export function compareRow(row: ObjectRow, limits: readonly number[], sides: Sides): RowComparison {
  const { mode, compared, reference } = sides;
  const readings = [...readingsOf(reference, row, 'native'), ...readingsOf(compared, row, mode)];
  const pairs = limits.map((limit) => ({
    limit,
    native: triesAt(readings, limit, 'native'),
    compared: triesAt(readings, limit, mode),
  }));
  const granularity = readings.find((at) => at.mode === mode && at.granularity !== null)?.granularity ?? null;
  const comparison = {
    ...{ row, mode, granularity, kernel: compared.kernel, reference: reference.kernel },
    limits: pairs.map((pair) => atLimit(pair, overshootAt(readings, pair.limit, mode))),
    errnos: {
      native: countErrnos(pairs.flatMap(({ native }) => native)),
      compared: countErrnos(pairs.flatMap((pair) => pair.compared)),
    },
  };
  const missing = pairs.some((pair) => pair.native.length === 0 || pair.compared.length === 0);
  const problems = readings.flatMap(({ problem, mode: where, limit }) =>
    problem !== null ? [`${where}, ${formatSize(limit)}: ${problem}`] : [],
  );
  if (missing || problems.length > 0) {
    return { ...comparison, verdict: 'skipped', reasons: problems.length > 0 ? problems : ['not measured'] };
  }
  const reasons = row.kind === 'charged' ? differences(comparison, pairs) : surprises(comparison, pairs);
  return { ...comparison, verdict: reasons.length === 0 ? 'same' : 'differs', reasons };
}

type Pair = Readonly<{ limit: number; native: readonly Try[]; compared: readonly Try[] }>;
type Figures = Omit<RowComparison, 'verdict' | 'reasons'>;

function readingsOf({ readings }: Side, row: ObjectRow, mode: Reading['mode']): Reading[] {
  return readings.filter((at) => at.row === row.name && at.mode === mode);
}

function triesAt(readings: readonly Reading[], limit: number, mode: Reading['mode']): readonly Try[] {
  return readings.find((at) => at.limit === limit && at.mode === mode)?.tries ?? [];
}

function overshootAt(readings: readonly Reading[], limit: number, mode: ComparedMode): number | null {
  return readings.find((at) => at.limit === limit && at.mode === mode)?.overshoot ?? null;
}

function atLimit({ limit, ...tries }: Pair, overshoot: number | null): AtLimit {
  const native = tries.native.length === 0 ? null : medianMade(tries.native);
  const compared = tries.compared.length === 0 ? null : medianMade(tries.compared);
  const off = native === null || compared === null ? null : native === compared ? 0 : compared / native - 1;
  return { limit, native, compared, off, overshoot };
}

function differences({ limits, errnos, granularity }: Figures, pairs: readonly Pair[]): string[] {
  const tolerance = toleranceOf(granularity);
  const counts = limits.flatMap(({ limit, native, compared, off }) =>
    native !== null && compared !== null && off !== null && Math.abs(compared - native) > tolerance * native
      ? [`${formatSize(limit)}: ${compared} objects instead of ${native}, ${percent(off)}`]
      : [],
  );
  // If the kernel has several errnos for one call, programs may get any of them: chance decides which.
  const never = errnos.compared.flatMap(({ errno }) =>
    errnos.native.some((native) => native.errno === errno)
      ? []
      : [`${nameOf(errno)} instead of ${listErrnos(errnos.native)}`],
  );
  const open = pairs.flatMap(({ limit, native, compared }) =>
    [...native, ...compared].some(({ errno, made }) => errno === 0 || made === 0)
      ? [`${formatSize(limit)}: a try did not reach the limit, or made no object`]
      : [],
  );
  return [...open, ...counts, ...never];
}

/** Rows that 5.10 does not charge, or that the gate does not check: another kernel or mode may refuse them too. */
function surprises(figures: Figures, pairs: readonly Pair[]): string[] {
  const { row, mode, errnos } = figures;
  const { native, compared } = errnos;
  const kernelRefuses = native.some(({ errno }) => errno !== 0);
  const modeRefuses = compared.some(({ errno }) => errno !== 0);
  if (kernelRefuses && modeRefuses) return differences(figures, pairs);
  const reasons: string[] = [];
  if (row.kind === 'uncharged' && kernelRefuses) reasons.push(`the kernel refuses it: ${listErrnos(native)}`);
  if (row.kind === 'unseen' && !kernelRefuses) reasons.push('the kernel does not refuse it either');
  if (modeRefuses)
    reasons.push(`${mode === 'gate' ? 'the gate' : 'the mode kernel'} refuses it: ${listErrnos(compared)}`);
  return reasons;
}

/** `ENOBUFS 14, ENFILE 8`; `ENOMEM` if it is the only one. */
export function listErrnos(errnos: readonly ErrnoCount[]): string {
  if (errnos.length === 1) return nameOf(errnos[0]?.errno ?? 0);
  return errnos.map(({ errno, count }) => `${nameOf(errno)} ${count}`).join(', ');
}

/** `+1.5 %`. */
export function percent(share: number): string {
  const text = (100 * share).toFixed(1);
  return Number(text) === 0 ? '0.0 %' : `${share > 0 ? '+' : ''}${text} %`;
}

function nameOf(errno: number): string {
  return errno === 0 ? 'no failure' : errnoName(errno);
}

/** Measurements of the rows, and statistics of them. */

/** Modes that can be compared with the kernel's own limit. */
export const COMPARED = ['gate', 'kernel'] as const;

export type ComparedMode = (typeof COMPARED)[number];
export type MeasuredMode = 'native' | ComparedMode;

/** What a run's result says; null: it made none. */
export type Granularity = Result['enforcement']['granularity'];

/** One try, as the workload reports it. */
export type Try = Readonly<{
  /** Objects created before a call failed. */
  made: number;
  /** The errno of the failing call; 0: none failed. */
  errno: number;
  /** Kernel memory of the group in bytes, before the first object and with the last. */
  before: number;
  after: number;
}>;

/** One row in one mode under one limit. */
export type Reading = Readonly<{
  row: string;
  mode: MeasuredMode;
  granularity: Granularity;
  /** Bytes. */
  limit: number;
  tries: readonly Try[];
  /** Of the run, in bytes; null: not measured. */
  overshoot: number | null;
  /** Why tries are missing; null: none are missing. */
  problem: string | null;
}>;

export type ErrnoCount = Readonly<{ errno: number; count: number }>;

/** The middle one of an odd number of tries, otherwise the mean of the middle two. */
export function medianMade(tries: readonly Try[]): number {
  const counts = tries.map(({ made }) => made).sort((a, b) => a - b);
  const half = counts.length / 2;
  const [low = 0, high = 0] = [counts[Math.ceil(half) - 1], counts[Math.floor(half)]];
  return (low + high) / 2;
}

/** The most frequent first; tries that did not fail count as errno 0. */
export function countErrnos(tries: readonly Try[]): ErrnoCount[] {
  const counts = new Map<number, number>();
  for (const { errno } of tries) counts.set(errno, (counts.get(errno) ?? 0) + 1);
  return [...counts].map(([errno, count]) => ({ errno, count })).sort((a, b) => b.count - a.count);
}
