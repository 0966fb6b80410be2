import { pageSize } from '../host/page-size.ts';
import type { RecordedFacts } from './recorded.ts';
import { type Spread, spreadOf } from './spread.ts';

/** `not-known`: one side could not be read; it does not decide. */
export type ReplayVerdict = 'same' | 'within-spread' | 'different' | 'not-known';

/** A property with distinct values. */
export type KindRow = Readonly<{
  /** `outcome`, `step 1`, `first call`, `expectation exit==0`, `injection 0/17:mmap`. */
  what: string;
  recorded: string;
  /** Number of replays by value. */
  replayed: Readonly<Record<string, number>>;
  verdict: ReplayVerdict;
}>;

export type ReplayedFigure = Readonly<{
  what: 'failcnt' | 'kmem peak';
  unit: 'count' | 'bytes';
  recorded: number | null;
  replayed: Spread | null;
  /** How far outside the replays' range the recorded value may lie. */
  tolerance: number;
  verdict: ReplayVerdict;
}>;

export type Replayed = Readonly<{
  /** Null if there is no replay yet. */
  verdict: 'same' | 'different' | null;
  kinds: readonly KindRow[];
  figures: readonly ReplayedFigure[];
  /** Other differences, which may be the cause but do not decide. */
  circumstances: readonly Readonly<{ what: string; recorded: string; replayed: readonly string[] }>[];
}>;

/** The peak of any run varies by this much: stacks, page tables and slabs are charged by the page, and freed late. */
const NOISE_PAGES = 2;

export function compareReplays(recorded: RecordedFacts, replays: readonly RecordedFacts[]): Replayed {
  const kinds = kindsOf(recorded, replays);
  const figures = [failcntRow(recorded, replays), peakRow(recorded, replays)];
  const isDifferent = [...kinds, ...figures].some(({ verdict }) => verdict === 'different');
  return {
    verdict: replays.length === 0 ? null : isDifferent ? 'different' : 'same',
    kinds,
    figures,
    circumstances: circumstanceRows(recorded, replays),
  };
}

/** Whether it differs in its figures alone: more replays would show how far these spread. */
export function isInDoubt({ kinds, figures }: Replayed): boolean {
  return (
    kinds.every(({ verdict }) => verdict !== 'different') && figures.some(({ verdict }) => verdict === 'different')
  );
}

function kindsOf(recorded: RecordedFacts, replays: readonly RecordedFacts[]): KindRow[] {
  const row = (what: string, read: (facts: RecordedFacts) => string | null): KindRow =>
    kindRow(what, recorded, replays, read);
  const steps = Math.max(recorded.ends.length, ...replays.map(({ ends }) => ends.length));
  const exprs = new Set([recorded, ...replays].flatMap(({ expectations }) => expectations.map(({ expr }) => expr)));
  const addresses = new Set([recorded, ...replays].flatMap((facts) => facts.injections.map(({ address }) => address)));
  return [
    row('outcome', ({ outcome }) => outcome),
    ...Array.from({ length: steps }, (_, step) => row(`step ${step}`, ({ ends }) => ends[step] ?? 'did not start')),
    ...[...exprs].map((expr) => row(`expectation ${expr}`, (facts) => expectationText(facts, expr))),
    row('first call', ({ firstCall }) => firstCall ?? 'none failed'),
    ...[...addresses].map((address) => row(`injection ${address}`, (facts) => injectionText(facts, address))),
  ];
}

function kindRow(
  what: string,
  recorded: RecordedFacts,
  replays: readonly RecordedFacts[],
  read: (facts: RecordedFacts) => string | null,
): KindRow {
  const was = read(recorded);
  const came = replays.map(read);
  const counts = Map.groupBy(came, (kind) => kind ?? NOT_TOLD);
  const isKnown = was !== null && came.every((kind) => kind !== null);
  return {
    what,
    recorded: was ?? NOT_TOLD,
    replayed: Object.fromEntries([...counts].map(([kind, all]) => [kind, all.length])),
    verdict: came.every((kind) => kind === was) ? 'same' : isKnown ? 'different' : 'not-known',
  };
}

const NOT_TOLD = 'not reported';

function expectationText({ expectations }: RecordedFacts, expr: string): string | null {
  const found = expectations.find((one) => one.expr === expr);
  return found === undefined ? null : found.passed ? 'holds' : 'does not hold';
}

function injectionText({ injections }: RecordedFacts, address: string): string | null {
  const found = injections.find((one) => one.address === address);
  if (found === undefined) return null;
  return found.seen === null ? found.outcome : `${found.outcome}: it was ${found.seen}`;
}

function failcntRow(recorded: RecordedFacts, replays: readonly RecordedFacts[]): ReplayedFigure {
  const figures = replays.map(({ failcnt }) => failcnt);
  return figureRow({ what: 'failcnt', unit: 'count', recorded: recorded.failcnt, figures, noise: 0 });
}

function peakRow(recorded: RecordedFacts, replays: readonly RecordedFacts[]): ReplayedFigure {
  const figures = replays.map(({ peak }) => peak);
  const unsure = Math.max(0, ...replays.map(({ uncertainty }) => uncertainty ?? 0)) + (recorded.uncertainty ?? 0);
  const noise = NOISE_PAGES * pageSize() + unsure;
  return figureRow({ what: 'kmem peak', unit: 'bytes', recorded: recorded.peak, figures, noise });
}

type Figure = Pick<ReplayedFigure, 'what' | 'unit' | 'recorded'> &
  Readonly<{ figures: readonly (number | null)[]; noise: number }>;

/** A single run against several: it may lie outside their range by as much as the range is wide. */
function figureRow({ figures, noise, ...row }: Figure): ReplayedFigure {
  const { recorded } = row;
  const replayed = spreadOf(figures.filter((value) => value !== null));
  if (recorded === null || replayed === null) {
    const verdict = recorded === null && replayed === null ? 'same' : 'not-known';
    return { ...row, replayed, tolerance: noise, verdict };
  }
  const { min, max } = replayed;
  const tolerance = noise + max - min;
  const gap = Math.max(0, recorded - max, min - recorded);
  const isSame = gap === 0 && min === max;
  return { ...row, replayed, tolerance, verdict: isSame ? 'same' : gap <= tolerance ? 'within-spread' : 'different' };
}

function circumstanceRows(recorded: RecordedFacts, replays: readonly RecordedFacts[]): Replayed['circumstances'] {
  return Object.entries(recorded.circumstances).flatMap(([what, was]) => {
    const came = [...new Set(replays.map(({ circumstances }) => circumstances[what] ?? ''))].filter(
      (value) => value !== '' && value !== was,
    );
    return came.length === 0 ? [] : [{ what, recorded: was, replayed: came }];
  });
}
