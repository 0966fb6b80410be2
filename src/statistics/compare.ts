/** Two sets of runs, and the differences that exceed their spread. Pure: from the runs to what a report shows. */

import { SetupError } from '../errors.ts';
import { type Growth, growthOf } from './growth.ts';
import { limits, type RunSample, type Setting } from './sample.ts';
import { judge, type Spread, spreadOf, type Verdict } from './spread.ts';

/** A number in both sets; null if no run has it. */
export type ComparedFigure = Readonly<{
  key: string;
  unit: 'bytes' | 'count';
  a: Spread | null;
  b: Spread | null;
  verdict: Verdict;
  /** False: for information only, does not decide. */
  decides: boolean;
}>;

/** How often each value occurred in both sets. */
export type TallyRow = Readonly<{
  key: 'outcome' | 'ends' | 'limits';
  a: Readonly<Record<string, number>>;
  b: Readonly<Record<string, number>>;
  verdict: Verdict;
}>;

/** Number of runs in which a call failed. */
export type CallRow = Readonly<{ call: string; a: number; b: number; verdict: Verdict }>;

/** Runs at the same settings (or, if each side has only one set, those two). */
export type ComparedPoint = Readonly<{
  /** The settings that distinguish it from other points: `{ kmem: 1048576 }`; empty for a single point. */
  at: Readonly<Record<string, string | number | null>>;
  runsA: number;
  runsB: number;
  verdict: Verdict;
  tallies: readonly TallyRow[];
  figures: readonly ComparedFigure[];
  calls: readonly CallRow[];
  /** What grew at the peak, by the profiles; null: not recorded on both sides. It decides nothing. */
  growth: Growth | null;
}>;

export type Difference = Readonly<{ what: string; a: readonly string[]; b: readonly string[] }>;

export type Comparison = Readonly<{
  verdict: Verdict;
  points: readonly ComparedPoint[];
  /** Settings at which only one side ran. */
  onlyA: readonly ComparedPoint['at'][];
  onlyB: readonly ComparedPoint['at'][];
  /** Other differences, which may be the cause or may distort the comparison; they do not decide. */
  circumstances: readonly Difference[];
}>;

/** @throws SetupError `nothing-to-compare`: one side is empty, or they have no setting in common. */
export function compareRuns(a: readonly RunSample[], b: readonly RunSample[]): Comparison {
  if (a.length === 0 || b.length === 0) {
    throw new SetupError(
      'nothing-to-compare',
      'one of the two results contains no runs',
      'list saved results: kmem-run history',
    );
  }
  const varied = variedIn(a, b);
  const [groupsA, groupsB] = [groupBy(a, varied), groupBy(b, varied)];
  const common = [...groupsA.keys()].filter((key) => groupsB.has(key));
  if (common.length === 0) {
    throw new SetupError(
      'nothing-to-compare',
      `no setting of ${varied.join(', ')} is in both`,
      'compare runs or experiments that have limits in common',
    );
  }
  const points = common.map((key) => comparePoint(key, groupsA.get(key) ?? [], groupsB.get(key) ?? []));
  return {
    verdict: worst(points),
    points,
    onlyA: [...groupsA.keys()].filter((key) => !groupsB.has(key)).map(settingsOf),
    onlyB: [...groupsB.keys()].filter((key) => !groupsA.has(key)).map(settingsOf),
    circumstances: circumstancesOf(a, b),
  };
}

/** The settings that distinguish the points of one side; if each side has one point, those two are compared. */
function variedIn(a: readonly RunSample[], b: readonly RunSample[]): Setting[] {
  const varies = (runs: readonly RunSample[], key: Setting) =>
    new Set(runs.map(({ settings }) => settings[key])).size > 1;
  return (Object.keys(a[0]?.settings ?? {}) as Setting[]).filter((key) => varies(a, key) || varies(b, key));
}

function groupBy(runs: readonly RunSample[], varied: readonly Setting[]): Map<string, RunSample[]> {
  const ordered = runs.toSorted((x, y) => compareSettings(x, y, varied));
  return Map.groupBy(ordered, ({ settings }) => JSON.stringify(varied.map((key) => [key, settings[key]])));
}

function compareSettings(x: RunSample, y: RunSample, varied: readonly Setting[]): number {
  for (const key of varied) {
    const [first, second] = [x.settings[key] ?? 0, y.settings[key] ?? 0];
    if (first !== second) return first < second ? -1 : 1;
  }
  return 0;
}

function settingsOf(key: string): ComparedPoint['at'] {
  return Object.fromEntries(JSON.parse(key));
}

function comparePoint(key: string, a: readonly RunSample[], b: readonly RunSample[]): ComparedPoint {
  const tallies = [
    tally('limits', a.map(limitsText), b.map(limitsText)),
    tally(
      'outcome',
      a.map(({ outcome }) => outcome),
      b.map(({ outcome }) => outcome),
    ),
    tally(
      'ends',
      a.map(({ ends }) => ends),
      b.map(({ ends }) => ends),
    ),
  ];
  const limited = [...a, ...b].some(({ memoryLimited }) => memoryLimited);
  const figures = [
    figure('kmem.maxUsage', 'bytes', a, b, true),
    figure('kmem.failcnt', 'count', a, b, true),
    figure('mem.maxUsage', 'bytes', a, b, limited),
  ];
  const calls = callRows(a, b);
  const decisive = [...tallies, ...figures.filter(({ decides }) => decides), ...calls];
  const growth = growthOf(
    a.map(({ profile }) => profile),
    b.map(({ profile }) => profile),
  );
  const verdict = worst(decisive);
  return { at: settingsOf(key), runsA: a.length, runsB: b.length, verdict, tallies, figures, calls, growth };
}

/** What explains a higher peak; null: the peak did not rise beyond its spread, or nothing was recorded. */
export function growthOfPeak({ figures, growth }: ComparedPoint): Growth | null {
  const peak = figures.find(({ key }) => key === 'kmem.maxUsage');
  if (peak === undefined || peak.a === null || peak.b === null) return null;
  const mayHaveRisen = peak.verdict === 'different' || peak.verdict === 'cannot-tell';
  return mayHaveRisen && peak.b.median > peak.a.median ? growth : null;
}

function figure(
  key: keyof RunSample['figures'],
  unit: ComparedFigure['unit'],
  a: readonly RunSample[],
  b: readonly RunSample[],
  decides: boolean,
): ComparedFigure {
  const [first, second] = [a, b].map((runs) =>
    runs.map(({ figures }) => figures[key]).filter((value) => value !== null),
  );
  const [ours = [], theirs = []] = [first, second];
  return { key, unit, a: spreadOf(ours), b: spreadOf(theirs), verdict: judge(ours, theirs), decides };
}

function tally(key: TallyRow['key'], a: readonly string[], b: readonly string[]): TallyRow {
  return { key, a: countsOf(a), b: countsOf(b), verdict: judgeKinds(a, b) };
}

/** Unlike a figure, an outcome that the other side never had is a difference, however few the runs. */
export function judgeKinds(a: readonly string[], b: readonly string[]): Verdict {
  const kinds = [...new Set([...a, ...b])];
  const shared = kinds.filter((kind) => a.includes(kind) && b.includes(kind));
  if (shared.length === 0) return 'different';
  if (kinds.length === 1) return 'same';
  const verdicts = kinds.map((kind) => judge(a.map(is(kind)), b.map(is(kind))));
  if (verdicts.includes('different')) return 'different';
  // A crash in two of five runs, against none in five, may be a change: more runs would tell.
  return shared.length < kinds.length ? 'cannot-tell' : 'within-spread';
}

function is(kind: string): (other: string) => number {
  return (other) => (other === kind ? 1 : 0);
}

/** The calls that failed in any run: first those that distinguish the sets, then by frequency. */
function callRows(a: readonly RunSample[], b: readonly RunSample[]): CallRow[] {
  const names = new Set([...a, ...b].flatMap(({ calls }) => [...calls.keys()]));
  const rows = [...names].map((call) => {
    const has = ({ calls }: RunSample) => (calls.has(call) ? 1 : 0);
    const [ours, theirs] = [a.map(has), b.map(has)];
    return { call, a: countOf(ours), b: countOf(theirs), verdict: judge(ours, theirs) };
  });
  return rows.toSorted((x, y) => order.indexOf(x.verdict) - order.indexOf(y.verdict) || y.a + y.b - (x.a + x.b));
}

const order: readonly Verdict[] = ['different', 'cannot-tell', 'within-spread', 'same'];

function worst(rows: readonly { verdict: Verdict }[]): Verdict {
  return order.find((verdict) => rows.some((row) => row.verdict === verdict)) ?? 'same';
}

function countOf(values: readonly number[]): number {
  return values.filter((value) => value === 1).length;
}

function countsOf(kinds: readonly string[]): Record<string, number> {
  const counts = Object.entries(Object.groupBy(kinds, (kind) => kind)).map(
    ([kind, all]) => [kind, all?.length ?? 0] as const,
  );
  return Object.fromEntries(counts.toSorted(([, x], [, y]) => y - x));
}

function limitsText({ settings }: RunSample): string {
  const given = limits.filter((key) => settings[key] !== null).map((key) => `${key} ${settings[key]}`);
  return given.join(', ') || 'none';
}

function circumstancesOf(a: readonly RunSample[], b: readonly RunSample[]): Difference[] {
  const keys = Object.keys(a[0]?.circumstances ?? {});
  return keys.flatMap((what) => {
    const values = (runs: readonly RunSample[]) =>
      [...new Set(runs.map(({ circumstances }) => circumstances[what] ?? ''))].sort();
    const [first, second] = [values(a), values(b)];
    const all = new Set([...first, ...second]);
    return all.size === 1 ? [] : [{ what, a: first, b: second }];
  });
}
