import { join } from 'node:path';
import { attemptScenario, type ScenarioAttempt } from '../../src/scenario/attempt.ts';
import { findScenarios } from '../../src/scenario/find.ts';
import { missingFor } from '../../src/scenario/needs.ts';
import { AS_WRITTEN, type Scenario } from '../../src/scenario/types.ts';
import type { Bench, Section } from '../bench.ts';
import { GENEROUS } from '../commands.ts';

const PROGRAMS = join(import.meta.dirname, '..', 'fixtures', 'on-fault');
const LIBRARY = join(import.meta.dirname, '..', '..', 'scenarios');
const WAYS = ['note', 'sigbus'] as const;
const PAGE = 4096;

/** Limits as multiples of the program's need; one row per band. */
const BANDS: readonly (readonly number[])[] = [
  [4, 2, 1.2],
  [1.1, 1.05, 1, 0.95],
  [0.85, 0.7, 0.5],
];
/** In the search for the need, from half the highest usage to twice that: accurate to some 2 %. */
const HALVINGS = 6;

type Way = (typeof WAYS)[number];

/** One run. `limit` is null if the scenario has its own. */
type Attempt = (scenario: Scenario, way: Way, limit: string | number | null) => Promise<ScenarioAttempt>;

type Tally = Readonly<{
  runs: number;
  passed: number;
  faulted: number;
  timedOut: number;
  overshoot: number;
  /** Why the others were not measured; these do not count as runs. */
  lost: readonly string[];
}>;
type Tallies = Readonly<Record<Way, Tally>>;

/** The table behind the default of --on-fault in docs/internals/gate.md, as Markdown. */
export const onFault: Section = {
  name: 'on-fault',
  about: 'what programs do at their limits with --on-fault note and sigbus: runs that passed',
  onlyByName: true,
  run: async (bench) => {
    // Whatever a signal interrupts is removed with the bench's own folder.
    process.env.TMPDIR = bench.folder;
    process.env.BENCH_CACHE = bench.folder;
    const rounds = bench.quick ? { programs: 1, library: 1 } : { programs: 5, library: 3 };
    await compareOnFault(bench, rounds, { programs: read(PROGRAMS), library: read(LIBRARY) }, attempt);
  },
};

/** Programs run under limits from their need, scenarios of the library under their own. */
type Both<Item> = Readonly<{ programs: Item; library: Item }>;

/** `rounds`: runs for each limit and way. */
export async function compareOnFault(
  { say }: Pick<Bench, 'say'>,
  rounds: Both<number>,
  { programs, library }: Both<readonly Scenario[]>,
  attemptOnce: Attempt,
): Promise<void> {
  const lines = (rows: readonly (readonly string[])[]) => say(rows.map((row) => `| ${row.join(' | ')} |\n`).join(''));
  lines([
    ['program', 'limit', '`note`', '`sigbus`', 'remarks'],
    ['---', '---', '---', '---', '---'],
  ]);
  lines(await rowsOfLibrary(library, rounds.library, attemptOnce));
  const failed: string[] = [];
  for (const scenario of programs) {
    const missing = await missingFor(scenario, 'host');
    try {
      lines(missing.length > 0 ? [without(scenario, missing)] : await bandsOf(scenario, rounds.programs, attemptOnce));
    } catch (error) {
      failed.push(`${nameOf(scenario)}: ${(error as Error).message}`);
    }
  }
  if (failed.length > 0) throw new Error(failed.join('\n'));
}

/**
 * One row for all scenarios that always passed and never reached their limit in a page fault, and one for each of the
 * others.
 */
async function rowsOfLibrary(library: readonly Scenario[], rounds: number, attemptOnce: Attempt): Promise<string[][]> {
  const rows: string[][] = [];
  const usual: Tallies[] = [];
  for (const scenario of library.filter(limitsKmem)) {
    const missing = await missingFor(scenario, 'host');
    const tallies = missing.length > 0 ? null : await tally(scenario, [null], rounds, attemptOnce);
    if (tallies === null) rows.push(without(scenario, missing));
    else if (WAYS.every((way) => isUsual(tallies[way]))) usual.push(tallies);
    else rows.push([nameOf(scenario), ...cells('its own', tallies)]);
  }
  if (usual.length === 0) return rows;
  const all = { note: sum(usual.map(({ note }) => note)), sigbus: sum(usual.map(({ sigbus }) => sigbus)) };
  return [[`${usual.length} scenarios of the library`, ...cells('their own', all)], ...rows];
}

/** For the whole run, or from one step on. */
function limitsKmem({ settings, steps }: Scenario): boolean {
  return [settings, ...steps.map(({ limits }) => limits)].some((limits) => (limits?.kmem ?? null) !== null);
}

function isUsual({ runs, passed, faulted, lost }: Tally): boolean {
  return passed === runs && faulted === 0 && lost.length === 0;
}

function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce((all, each) => ({
    runs: all.runs + each.runs,
    passed: all.passed + each.passed,
    faulted: all.faulted + each.faulted,
    timedOut: all.timedOut + each.timedOut,
    overshoot: Math.max(all.overshoot, each.overshoot),
    lost: [...all.lost, ...each.lost],
  }));
}

function nameOf({ name, file, description }: Scenario): string {
  return file.startsWith(LIBRARY) ? `scenario \`${name}\`` : description;
}

function without(scenario: Scenario, missing: readonly string[]): string[] {
  return [nameOf(scenario), '', '', '', missing.join('; ')];
}

async function bandsOf(scenario: Scenario, rounds: number, attemptOnce: Attempt): Promise<string[][]> {
  const need = await needOf(scenario, attemptOnce);
  const rows: string[][] = [];
  for (const factors of BANDS) {
    const limits = factors.map((factor) => wholePages(factor * need));
    const band = [limits[0], limits.at(-1)].map((limit) => kibibytes(limit ?? need)).join(' to ');
    rows.push([
      rows.length === 0 ? scenario.description : '',
      ...cells(band, await tally(scenario, limits, rounds, attemptOnce)),
    ]);
  }
  return rows;
}

/** The smallest limit at which a run with `note` passed, by bisection; other runs may fail there. */
async function needOf(scenario: Scenario, attemptOnce: Attempt): Promise<number> {
  const peak = await peakOf(scenario, attemptOnce);
  let [fails, passes] = [peak / 2, peak * 2];
  for (let halving = 0; halving < HALVINGS; halving += 1) {
    const limit = wholePages((fails + passes) / 2);
    if ((await attemptOnce(scenario, 'note', limit)).status === 'passed') passes = limit;
    else fails = limit;
  }
  return passes;
}

/** Without any limit. From the second run: the first one pays for the names that it is the first to look up. */
async function peakOf(scenario: Scenario, attemptOnce: Attempt): Promise<number> {
  let peak: number | null = null;
  for (let run = 0; run < 2; run += 1) {
    const { status, reasons, result } = await attemptOnce(scenario, 'note', GENEROUS);
    if (status !== 'passed') throw new Error(reasons.join('; '));
    peak = result?.kmem.maxUsage ?? null;
  }
  if (peak === null) throw new Error('its highest usage is not known');
  return peak;
}

function wholePages(bytes: number): number {
  return Math.floor(bytes / PAGE) * PAGE;
}

/** Alternating, so that changes on the machine affect both ways alike. */
async function tally(
  scenario: Scenario,
  limits: readonly (number | null)[],
  rounds: number,
  attemptOnce: Attempt,
): Promise<Tallies> {
  const tallies: Record<Way, Tally[]> = { note: [], sigbus: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const limit of limits)
      for (const way of WAYS) tallies[way].push(tallyOf(await attemptOnce(scenario, way, limit)));
  }
  return { note: sum(tallies.note), sigbus: sum(tallies.sigbus) };
}

function tallyOf({ status, reasons, result }: ScenarioAttempt): Tally {
  const faultPages = result?.enforcement.programs?.faultPages ?? null;
  const overshoot = result?.kmem.overshoot ?? null;
  if (status === 'error') return lostRun(reasons.join('; '));
  if (faultPages === null || overshoot === null) return lostRun('page faults or usage were not watched');
  return {
    runs: 1,
    passed: status === 'passed' ? 1 : 0,
    faulted: faultPages > 0 ? 1 : 0,
    timedOut: result?.outcome === 'timeout' ? 1 : 0,
    overshoot,
    lost: [],
  };
}

function lostRun(reason: string): Tally {
  return { runs: 0, passed: 0, faulted: 0, timedOut: 0, overshoot: 0, lost: [reason] };
}

function cells(limit: string, { note, sigbus }: Tallies): string[] {
  const passed = ({ passed, runs, faulted }: Tally): string => `${passed} of ${runs} (${faulted})`;
  const both = (what: (tally: Tally) => number, shown: (value: number) => string): string | null =>
    what(note) + what(sigbus) === 0 ? null : `${shown(what(note))} and ${shown(what(sigbus))}`;
  const over = both(({ overshoot }) => overshoot, kibibytes);
  const late = both(({ timedOut }) => timedOut, String);
  const lost = [...note.lost, ...sigbus.lost];
  const remarks = [
    ...(over === null ? [] : [`overshoot at most ${over}`]),
    ...(late === null ? [] : [`${late} timed out`]),
    ...(lost.length === 0 ? [] : [`${lost.length} not measured: ${[...new Set(lost)].join('; ')}`]),
  ];
  return [limit, passed(note), passed(sigbus), remarks.join('; ')];
}

function kibibytes(bytes: number): string {
  return bytes === 0 ? '0' : `${Math.ceil(bytes / 1024)}K`;
}

function read(folder: string): readonly Scenario[] {
  const { scenarios, mistakes } = findScenarios({ words: [folder], folders: [], tags: [], filters: [] });
  const [mistake] = mistakes;
  if (mistake !== undefined) throw new Error(`${mistake.file}:${mistake.line}: ${mistake.message}`);
  return scenarios;
}

const never = new AbortController().signal;

function attempt(scenario: Scenario, way: Way, limit: string | number | null): Promise<ScenarioAttempt> {
  const kmem = limit === null ? {} : { kmem: limit };
  const settings = { ...scenario.settings, ...kmem, onFault: way };
  return attemptScenario(
    { ...scenario, settings },
    { kernel: 'host', cpus: null, keepDir: false, manner: AS_WRITTEN, signal: never, kill: never },
  );
}
