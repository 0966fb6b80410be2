/** What a page is to be made of: files that kmem-run wrote, and what the store has. */

import { readFileSync, statSync } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import type { ComparedSide, ReportDocument } from '../report/documents.ts';
import type { Result } from '../result/schema.ts';
import { quote } from '../spec/quote.ts';
import { compareRuns } from '../store/compare.ts';
import { asPresentResult } from '../store/read-result.ts';
import { sampleOf } from '../store/sample.ts';
import type { Store, StoredRun } from '../store/types.ts';
import { documentsIn } from './report-file.ts';
import { keptExperiment } from './report-kept.ts';
import { withStore } from './stored.ts';

/** More on one page nobody reads, and no browser likes. */
const MOST_DOCUMENTS = 200;

/** Throws SetupError `not-a-report`, `too-many-results`, and those of the store. */
export async function readDocuments(words: readonly string[], store: string | null): Promise<ReportDocument[]> {
  const documents: ReportDocument[] = [];
  for (const word of words.flatMap(listOf)) documents.push(...(await documentsNamed(word, store)));
  if (documents.length <= MOST_DOCUMENTS) return documents;
  throw new SetupError(
    'too-many-results',
    `these are ${documents.length} results, and a page takes ${MOST_DOCUMENTS}`,
    'name fewer, or an experiment, which is one; kmem-run export --format csv has them all',
  );
}

/** Throws SetupError `nothing-to-compare`, and those of readDocuments(). */
export async function readSides(nameA: string, nameB: string, store: string | null): Promise<ReportDocument> {
  const [a, b] = [await resultsNamed(nameA, store), await resultsNamed(nameB, store)];
  const samples = (results: readonly Result[]) =>
    results.map((result) => sampleOf({ result, experimentId: null, point: null, repeat: null, label: null }));
  const comparison = compareRuns(samples(a), samples(b));
  return { kind: 'compare', a: sideOf(nameA, a), b: sideOf(nameB, b), comparison };
}

/** Whole runs, in the order in which they are named. Throws SetupError `no-runs`, and those of readDocuments(). */
export async function readRuns(words: readonly string[], store: string | null): Promise<StoredRun[]> {
  const runs = new Map<string, StoredRun>();
  for (const word of words.flatMap(listOf)) {
    const own = await orFile(
      word,
      () => withStore(store, (open) => [...open.runsNamed(open.find(word))]),
      () => documentsIn(word, parse(word)).flatMap(runsIn),
    );
    if (own.length === 0) {
      const reason = `${quote(word)} has no whole run in it`;
      throw new SetupError('no-runs', reason, 'name a run, or what is kept of an experiment: kmem-run history');
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
  const commands = new Set(results.map(({ spec }) => spec.command.join(' ')));
  return { name, runs: results.length, commands: [...commands], results };
}

/** A path may have a comma in it. */
function listOf(word: string): string[] {
  return isFile(word) ? [word] : word.split(',');
}

/** As for `replay`: what looks like a path is a file, else the store is asked first. */
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
    throw new SetupError('not-a-report', `there is no file ${quote(word)}`, 'name a file that kmem-run --json wrote');
  }
}

function documentsOf(store: Store, word: string): ReportDocument[] {
  const named = store.find(word);
  if (named.kind === 'experiment') return keptExperiment(store, named.id);
  return [...store.runsNamed(named)].map(({ result }) => ({ kind: 'run', result: asPresentResult(result) }));
}

function isFile(path: string): boolean {
  return path !== '' && !path.includes('\0') && statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function parse(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = errnoOf(error) ?? 'it is not JSON';
    throw new SetupError(
      'not-a-report',
      `${quote(file)} cannot be read: ${reason}`,
      'name a file that kmem-run --json wrote',
    );
  }
}
