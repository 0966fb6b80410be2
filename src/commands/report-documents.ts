/** The input of a page: files that kmem-run wrote, and results from the store. */

import { SetupError } from '../errors.ts';
import type { FidelityReport } from '../experiment/fidelity/report.ts';
import { keptExperiment } from '../experiment/kept.ts';
import { isFile, readJsonInput } from '../host/read-input.ts';
import type { Result } from '../result/schema.ts';
import type { ComparedSide, ReportDocument } from '../scenario/documents.ts';
import { readScenarios } from '../scenario/read-report.ts';
import { compareRuns } from '../statistics/compare.ts';
import { type StoredRun, sampleOf } from '../statistics/sample.ts';
import { asPresentResult, presentResult } from '../store/read-result.ts';
import type { Store } from '../store/types.ts';
import { quote, shellLine } from '../text/quote.ts';
import { withStore } from './stored.ts';

/** Nobody reads more on one page, and browsers struggle. */
const MOST_DOCUMENTS = 200;

/** @throws SetupError `not-a-report`, `too-many-results`, and those of the store. */
export async function readDocuments(words: readonly string[], store: string | null): Promise<ReportDocument[]> {
  const documents: ReportDocument[] = [];
  for (const word of words.flatMap(listOf)) documents.push(...(await documentsNamed(word, store)));
  if (documents.length <= MOST_DOCUMENTS) return documents;
  throw new SetupError(
    'too-many-results',
    `too many results: ${documents.length} (a page shows at most ${MOST_DOCUMENTS})`,
    'name fewer results, or one experiment; kmem-run export --format csv prints all of them',
  );
}

/** @throws SetupError `nothing-to-compare`, and those of readDocuments(). */
export async function readSides(nameA: string, nameB: string, store: string | null): Promise<ReportDocument> {
  const [a, b] = [await resultsNamed(nameA, store), await resultsNamed(nameB, store)];
  const samples = (results: readonly Result[]) =>
    results.map((result) => sampleOf({ result, experimentId: null, point: null, repeat: null, label: null }));
  const comparison = compareRuns(samples(a), samples(b));
  return { kind: 'compare', a: sideOf(nameA, a), b: sideOf(nameB, b), comparison };
}

/** Whole runs, in the order in which they are named. @throws SetupError `no-runs`, and those of readDocuments(). */
export async function readRuns(words: readonly string[], store: string | null): Promise<StoredRun[]> {
  const runs = new Map<string, StoredRun>();
  for (const word of words.flatMap(listOf)) {
    const own = await orFile(
      word,
      () => withStore(store, (open) => [...open.runsNamed(open.find(word))]),
      () => documentsIn(word, parse(word)).flatMap(runsIn),
    );
    if (own.length === 0) {
      const reason = `${quote(word)} contains no complete run`;
      throw new SetupError('no-runs', reason, 'name a run or an experiment; list saved results: kmem-run history');
    }
    for (const run of own) runs.set(run.result.id, { ...run, result: asPresentResult(run.result) });
  }
  return [...runs.values()];
}

function runsIn(document: ReportDocument): StoredRun[] {
  const results =
    document.kind === 'run'
      ? [document.result]
      : document.kind === 'scenarios'
        ? document.report.scenarios.flatMap((scenario) => scenario.results)
        : [];
  return results.map((result) => ({ result, experimentId: null, point: null, repeat: null, label: null }));
}

function sideOf(name: string, results: readonly Result[]): ComparedSide {
  const commands = new Set(results.map(({ spec }) => shellLine(spec.command)));
  return { name, runs: results.length, commands: [...commands], results };
}

/** A path may contain a comma. */
function listOf(word: string): string[] {
  return isFile(word) ? [word] : word.split(',');
}

/** As for `replay`: a word that looks like a path is a file; otherwise the store is tried first. */
async function documentsNamed(word: string, store: string | null): Promise<ReportDocument[]> {
  if (isFile(word) && /[/]|\.json$/.test(word)) return documentsIn(word, parse(word));
  return orFile(
    word,
    () => withStore(store, (open) => documentsOf(open, word)),
    () => documentsIn(word, parse(word)),
  );
}

async function resultsNamed(words: string, store: string | null): Promise<Result[]> {
  const results = new Map<string, Result>();
  for (const word of listOf(words)) {
    const own = await orFile(
      word,
      () =>
        withStore(store, (open) => [...open.runsNamed(open.find(word))].map(({ result }) => asPresentResult(result))),
      () => documentsIn(word, parse(word)).flatMap((document) => (document.kind === 'run' ? [document.result] : [])),
    );
    for (const result of own) results.set(result.id, result);
  }
  return [...results.values()];
}

async function orFile<T>(word: string, kept: () => Promise<T>, read: () => T): Promise<T> {
  if (isFile(word) && /[/]|\.json$/.test(word)) return read();
  try {
    return await kept();
  } catch (error) {
    const isUnknown = error instanceof SetupError && error.code === 'no-such-run';
    if (isUnknown && isFile(word)) return read();
    if (!isUnknown || !/[/]|\.json$/.test(word)) throw error;
    throw new SetupError('not-a-report', `no such file: ${quote(word)}`, 'name a file written with kmem-run --json');
  }
}

function documentsOf(store: Store, word: string): ReportDocument[] {
  const named = store.find(word);
  if (named.kind === 'experiment') return keptExperiment(store, named.id);
  return [...store.runsNamed(named)].map(({ result }) => ({ kind: 'run', result: asPresentResult(result) }));
}

const NOT_A_REPORT = { code: 'not-a-report', hint: 'name a file written with kmem-run --json' };

function parse(file: string): unknown {
  return readJsonInput(file, NOT_A_REPORT);
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the file holds; looked at key by key.
type Content = any;

/** @throws SetupError `not-a-report`. */
export function documentsIn(file: string, content: Content): ReportDocument[] {
  // What `export` prints.
  if (Array.isArray(content)) return content.flatMap((one) => documentsIn(file, one?.result ?? one));
  const kind: unknown = content?.kind;
  switch (kind) {
    case 'sweep':
      return [experiment(file, content, ['points', 'axes', 'command'])];
    case 'bisect':
      return [experiment(file, withPresentResult(content, file), ['trials', 'answer', 'command'])];
    case 'explore':
      return [experiment(file, content, ['findings', 'unsteady', 'counts', 'command'])];
    case 'scenarios':
      return [{ kind: 'scenarios', report: readScenarios(file, content, NOT_A_REPORT) }];
    case 'replay':
      throw notAReport(
        file,
        'it is a replay, which only has a text report',
        'kmem-run report --compare shows two runs',
      );
    default:
      return [unnamed(file, content)];
  }
}

/** Those that do not name their kind: fidelity, comparisons, results. */
function unnamed(file: string, content: Content): ReportDocument {
  if (content?.spec === undefined && typeof content?.kernel === 'string' && typeof content?.same === 'boolean')
    return { kind: 'experiment', report: fidelityOf(content) };
  if (Array.isArray(content?.points) && typeof content?.verdict === 'string' && content.a?.name !== undefined) {
    const { a, b, ...comparison } = content;
    return { kind: 'compare', a: { ...a, results: [] }, b: { ...b, results: [] }, comparison };
  }
  return { kind: 'run', result: resultIn(file, content?.result ?? content) };
}

/** Version 0.1.0 compared only the gate, and named no mode. */
function fidelityOf({ kernel, reserve, same, rows, command, peak, failsAnyway, found }: Content): FidelityReport {
  const then = { mode: 'gate', granularity: null, kernel };
  return {
    ...{ kind: 'fidelity', kernel, reserve, same },
    rows: rows == null ? null : rows.map((row: Content) => ({ ...then, ...row, limits: row.limits.map(atLimit) })),
    ...{ command: command ?? null, peak: peak ?? null, failsAnyway: failsAnyway ?? null },
    found: (found ?? []).map((one: Content) => ({ kernel, ...one })),
  };
}

function atLimit({ gate = null, ...at }: Content): Content {
  return { compared: gate, ...at };
}

function experiment(file: string, content: Content, keys: readonly string[]): ReportDocument {
  const missing = keys.find((key) => content[key] == null);
  if (missing !== undefined || content.schemaVersion !== 1) {
    const reason = missing === undefined ? 'its schemaVersion is not 1' : `it has no ${missing}`;
    throw notAReport(file, reason, 'name a file written with kmem-run --json');
  }
  return { kind: 'experiment', report: content };
}

function withPresentResult(content: Content, file: string): Content {
  const { justBelow } = content;
  if (justBelow == null) return content;
  return { ...content, justBelow: { ...justBelow, result: resultIn(file, justBelow.result) } };
}

function resultIn(file: string, kept: Content): Result {
  const { result, flaw } = presentResult(kept);
  if (kept?.schemaVersion === 1 && flaw === null) return result;
  const reason = kept?.schemaVersion === 1 ? `${flaw}` : 'its schemaVersion is not 1';
  throw notAReport(file, reason, 'name a file written with kmem-run --json');
}

function notAReport(file: string, reason: string, hint: string): SetupError {
  return new SetupError('not-a-report', `${quote(file)} was not written by kmem-run: ${reason}`, hint);
}
