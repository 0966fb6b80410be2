/** Is a row the same in both modes? */

import { errnoName } from '../../gate/protocol.ts';
import { formatSize } from '../../request/size.ts';
import type { ObjectRow } from './rows.ts';

/** How far the gate's number may be off. */
export const TOLERANCE = 0.05;

export type AtLimit = Readonly<{
  limit: number;
  /** Objects created: the median of the tries; null: not measured. */
  native: number | null;
  gate: number | null;
  /** `gate / native - 1`; null if either is null. */
  off: number | null;
}>;

export type RowComparison = Readonly<{
  row: ObjectRow;
  limits: readonly AtLimit[];
  /** Over all limits, the most frequent first; 0: no call failed. */
  errnos: Readonly<{ native: readonly ErrnoCount[]; gate: readonly ErrnoCount[] }>;
  /** `skipped`: not measured, which is as bad as `differs`. */
  verdict: 'same' | 'differs' | 'skipped';
  /** Empty if the verdict is `same`. */
  reasons: readonly string[];
}>;

/** `limits`: those under which the row is to be measured; a missing reading makes it `skipped`. */
export function compareRow(row: ObjectRow, limits: readonly number[], readings: readonly Reading[]): RowComparison {
  const pairs = limits.map((limit) => ({
    limit,
    native: triesOf(readings, row, limit, 'native'),
    gate: triesOf(readings, row, limit, 'gate'),
  }));
  const comparison = {
    row,
    limits: pairs.map(({ limit, native, gate }) => atLimit(limit, native, gate)),
    errnos: {
      native: countErrnos(pairs.flatMap(({ native }) => native)),
      gate: countErrnos(pairs.flatMap(({ gate }) => gate)),
    },
  };
  const missing = pairs.some(({ native, gate }) => native.length === 0 || gate.length === 0);
  const problems = readings.flatMap(({ row: name, problem, mode, limit }) =>
    name === row.name && problem !== null ? [`${mode}, ${formatSize(limit)}: ${problem}`] : [],
  );
  if (missing || problems.length > 0) {
    return { ...comparison, verdict: 'skipped', reasons: problems.length > 0 ? problems : ['not measured'] };
  }
  const reasons = row.kind === 'charged' ? differences(comparison, pairs) : surprises(row, comparison.errnos);
  return { ...comparison, verdict: reasons.length === 0 ? 'same' : 'differs', reasons };
}

type Pair = Readonly<{ limit: number; native: readonly Try[]; gate: readonly Try[] }>;

function triesOf(readings: readonly Reading[], row: ObjectRow, limit: number, mode: Reading['mode']): readonly Try[] {
  return readings.find((at) => at.row === row.name && at.limit === limit && at.mode === mode)?.tries ?? [];
}

function atLimit(limit: number, nativeTries: readonly Try[], gateTries: readonly Try[]): AtLimit {
  const native = nativeTries.length === 0 ? null : medianMade(nativeTries);
  const gate = gateTries.length === 0 ? null : medianMade(gateTries);
  const off = native === null || gate === null ? null : native === gate ? 0 : gate / native - 1;
  return { limit, native, gate, off };
}

function differences({ limits, errnos }: Pick<RowComparison, 'limits' | 'errnos'>, pairs: readonly Pair[]): string[] {
  const counts = limits.flatMap(({ limit, native, gate, off }) =>
    native !== null && gate !== null && off !== null && Math.abs(gate - native) > TOLERANCE * native
      ? [`${formatSize(limit)}: ${gate} objects instead of ${native}, ${percent(off)}`]
      : [],
  );
  // If the kernel has several errnos for one call, programs may get any of them: chance decides which.
  const never = errnos.gate.flatMap(({ errno }) =>
    errnos.native.some((native) => native.errno === errno)
      ? []
      : [`${nameOf(errno)} instead of ${listErrnos(errnos.native)}`],
  );
  const open = pairs.flatMap(({ limit, native, gate }) =>
    [...native, ...gate].some(({ errno, made }) => errno === 0 || made === 0)
      ? [`${formatSize(limit)}: a try did not reach the limit, or made no object`]
      : [],
  );
  return [...open, ...counts, ...never];
}

function surprises({ kind }: ObjectRow, { native, gate }: RowComparison['errnos']): string[] {
  const kernelRefuses = native.some(({ errno }) => errno !== 0);
  const gateRefuses = gate.some(({ errno }) => errno !== 0);
  const reasons: string[] = [];
  if (kind === 'uncharged' && kernelRefuses) reasons.push(`the kernel refuses it: ${listErrnos(native)}`);
  if (kind === 'unseen' && !kernelRefuses) reasons.push('the kernel does not refuse it either');
  if (gateRefuses) reasons.push(`the gate refuses it: ${listErrnos(gate)}`);
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

export const MODES = ['native', 'gate'] as const;

export type ComparedMode = (typeof MODES)[number];

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
  mode: ComparedMode;
  /** Bytes. */
  limit: number;
  tries: readonly Try[];
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
