import { print } from '../host/print.ts';
import type { CommandHelp } from '../manual/page.ts';
import { documentText } from '../report/terminal/documents.ts';
import { experimentState, type HistoryEntry, historyText, localTime } from '../report/terminal/history.ts';
import { type TextOptions, textReport } from '../report/terminal/run.ts';
import type { StoredRun } from '../statistics/sample.ts';
import { asPresentResult } from '../store/read-result.ts';
import type { Store } from '../store/types.ts';
import type { PlotStyle } from '../text/layout.ts';
import { escapeControls, shellLine } from '../text/quote.ts';
import { cut, visible } from '../text/visible.ts';
import { flagOption, NO_COLOR, pageOptions, STORE } from './option-kinds.ts';
import { mustHave, readStoredArguments, styleOfStdout, withStore } from './stored.ts';

const OPTIONS = {
  json: flagOption('print the whole result as JSON'),
  verbose: flagOption('print a longer report'),
  plot: flagOption('plot the run over time, or how many runs of an experiment pass'),
  ...NO_COLOR,
  ...STORE,
} as const;

export const showHelp: CommandHelp = {
  synopsis: ['kmem-run show [options] ID'],
  text: [
    'Shows the report of a saved run, or the summary and the runs of a saved experiment.',
    'ID is the id of a run or an experiment, the beginning of an id, or the label of exactly one run. @ is the latest run, @2 the run before it.',
  ],
  options: pageOptions(OPTIONS),
  takes: 'ID|LABEL',
  status: [['0', 'shown']],
};

const SHOWN_RUNS = 20;

/** `kmem-run show`: the text report of a saved run, or its JSON. */
export async function showCommand(argv: readonly string[]): Promise<number> {
  const { words, store, isOn, given } = readStoredArguments(argv, OPTIONS);
  mustHave(
    words,
    1,
    'use kmem-run show ID, or kmem-run show @ for the latest run; list saved results: kmem-run history',
  );
  const [word = ''] = words;
  const style = styleOfStdout(given.booleans.get('color') ?? null);
  await print(
    await withStore(store, (open) =>
      open.find(word).kind === 'experiment'
        ? experimentText(open, word, isOn('json'), { ...style, plot: isOn('plot') })
        : runText(open.run(word), isOn('json'), { ...style, verbose: isOn('verbose'), plot: isOn('plot') }),
    ),
  );
  return 0;
}

function runText(run: StoredRun, json: boolean, style: TextOptions): string {
  // As saved: it may have keys that this kmem-run does not know, and lack some that it does.
  return json ? jsonText(run.result) : textReport(asPresentResult(run.result), style);
}

async function experimentText(store: Store, word: string, json: boolean, style: PlotStyle): Promise<string> {
  const experiment = store.experiment(word);
  const runs = store.list({ experimentId: experiment.id, limit: json ? null : SHOWN_RUNS });
  if (json) return jsonText({ ...experiment, runs });
  const { id, command, seed, startedAt, summary } = experiment;
  const more = experiment.runs - runs.length;
  const plots = style.plot === true && experiment.kind !== 'scenario' ? await plotsOf(store, experiment.id, style) : [];
  return [
    `kmem-run: ${visible(id)}: ${experimentState(experiment)}\n`,
    `  command  ${cut(shellLine(command), 1000)}\n`,
    `  started  ${localTime(startedAt)}${seed === null ? '' : `, seed ${seed}`}\n`,
    ...(summary === null ? [] : [`  summary  ${cut(JSON.stringify(summary), 4000)}\n`]),
    historyText(
      runs.map((run): HistoryEntry => ({ kind: 'run', run })),
      style,
    ),
    ...(more > 0 ? [`and ${more} more: kmem-run history --experiment ${visible(id)} --limit all\n`] : []),
    ...plots,
  ].join('');
}

/** The report, regenerated from the saved runs. */
async function plotsOf(store: Store, id: string, style: PlotStyle): Promise<string[]> {
  const { keptExperiment } = await import('../experiment/kept.ts');
  return keptExperiment(store, id).map((document) => `\n${documentText(document, style)}`);
}

function jsonText(value: unknown): string {
  return `${escapeControls(JSON.stringify(value, null, 2))}\n`;
}
