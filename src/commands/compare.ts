import { print } from '../host/print.ts';
import type { CommandHelp } from '../manual/page.ts';
import { compareText } from '../report/terminal/compare.ts';
import { statuses } from '../result/outcome.ts';
import type { Side } from '../scenario/documents.ts';
import { compareRuns } from '../statistics/compare.ts';
import { type RunSample, sampleOf } from '../statistics/sample.ts';
import type { Verdict } from '../statistics/spread.ts';
import { asPresentResult } from '../store/read-result.ts';
import type { Store } from '../store/types.ts';
import { escapeControls } from '../text/quote.ts';
import { flagOption, NO_COLOR, pageOptions, STORE } from './option-kinds.ts';
import { mustHave, readStoredArguments, styleOfStdout, withStore } from './stored.ts';

const OPTIONS = { json: flagOption('print the comparison as JSON'), ...NO_COLOR, ...STORE } as const;

export const compareHelp: CommandHelp = {
  synopsis: ['kmem-run compare [options] A B'],
  text: [
    'Compares the limits, outcomes, peak kernel memory and failed calls of two runs, or of two sets of runs. A difference counts if it exceeds the differences within each set. Experiments are compared limit by limit.',
    'A and B are each a run, an experiment, a label, or several of these separated by commas.',
  ],
  options: pageOptions(OPTIONS),
  takes: 'ID|LABEL',
  status: [
    ['0', 'the same'],
    ['1', 'different'],
    ['125', 'too few runs to decide, or the comparison failed'],
  ],
  examples: ['kmem-run compare before after', 'kmem-run compare 31a4,60c7 @'],
};

const statusOf: Readonly<Record<Verdict, number>> = {
  same: 0,
  'within-spread': 0,
  different: 1,
  'cannot-tell': statuses.setupError,
};

/** `kmem-run compare`: 0 the same, 1 different, 125 undecided. */
export async function compareCommand(argv: readonly string[]): Promise<number> {
  const { words, store, isOn, given } = readStoredArguments(argv, OPTIONS);
  mustHave(words, 2, 'use kmem-run compare A B; list saved results: kmem-run history');
  const [nameA = '', nameB = ''] = words;
  const { a, b } = await withStore(store, (open) => ({ a: samplesNamed(open, nameA), b: samplesNamed(open, nameB) }));
  const comparison = compareRuns(a, b);
  const [sideA, sideB] = [sideOf(nameA, a), sideOf(nameB, b)];
  const text = isOn('json')
    ? `${escapeControls(JSON.stringify({ a: sideA, b: sideB, ...comparison }, null, 2))}\n`
    : compareText(sideA, sideB, comparison, styleOfStdout(given.booleans.get('color') ?? null));
  await print(text);
  return statusOf[comparison.verdict];
}

/** A run that is named twice counts once. */
function samplesNamed(store: Store, words: string): RunSample[] {
  const samples = new Map<string, RunSample>();
  for (const word of words.split(',')) {
    for (const run of store.runsNamed(store.find(word))) {
      const sample = sampleOf({ ...run, result: asPresentResult(run.result) });
      samples.set(sample.id, sample);
    }
  }
  return [...samples.values()];
}

function sideOf(name: string, samples: readonly RunSample[]): Side {
  const commands = new Set(samples.map(({ circumstances }) => circumstances.command ?? ''));
  return { name, runs: samples.length, commands: [...commands] };
}
