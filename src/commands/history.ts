import { SetupError } from '../errors.ts';
import { print } from '../host/print.ts';
import type { CommandHelp } from '../manual/page.ts';
import { type HistoryEntry, historyJson, historyText } from '../report/terminal/history.ts';
import type { Outcome } from '../result/schema.ts';
import { outcomes } from '../result/schema-events.ts';
import type { Store } from '../store/types.ts';
import { didYouMean } from '../text/nearest.ts';
import { escapeControls, quote } from '../text/quote.ts';
import { flagOption, NO_COLOR, pageOptions, STORE, valueOption } from './option-kinds.ts';
import { mustHave, readStoredArguments, type StoredArguments, styleOfStdout, withStore } from './stored.ts';

const OPTIONS = {
  limit: valueOption('N|all', 'list at most this many', { byDefault: '20' }),
  command: valueOption('TEXT', 'list only results whose command contains this string'),
  outcome: valueOption('OUTCOME', `list only runs with this outcome: ${outcomes.join(', ')}`, { choices: outcomes }),
  label: valueOption('LABEL', 'list only runs that were saved under this label'),
  experiment: valueOption('EXPERIMENT', 'list the runs of this experiment'),
  runs: flagOption('also list each run of the experiments'),
  json: flagOption('print a JSON array'),
  ...NO_COLOR,
  ...STORE,
} as const;

export const historyHelp: CommandHelp = {
  synopsis: ['kmem-run history [options]'],
  text: ['Lists saved runs and experiments, latest first. Each experiment is shown on one line.'],
  options: pageOptions(OPTIONS),
  status: [['0', 'success, even if nothing is saved']],
};

const LIMIT = 20;

type Wanted = Readonly<{
  limit: number | null;
  command: string | null;
  outcome: Outcome | null;
  label: string | null;
  experiment: string | null;
  /** Only single runs: an experiment has none of the requested properties. */
  runsOnly: boolean;
}>;

/** `kmem-run history`. */
export async function historyCommand(argv: readonly string[]): Promise<number> {
  const given = readStoredArguments(argv, OPTIONS);
  mustHave(given.words, 0, 'see kmem-run history --help');
  const wanted = wantedOf(given);
  const entries = await withStore(given.store, (store) => entriesOf(store, wanted));
  const style = styleOfStdout(given.given.booleans.get('color') ?? null);
  await print(
    given.isOn('json')
      ? `${escapeControls(JSON.stringify(historyJson(entries), null, 2))}\n`
      : historyText(entries, style),
  );
  return 0;
}

function wantedOf({ value, isOn }: StoredArguments): Wanted {
  const [outcome, label, experiment] = [outcomeOf(value('outcome')), value('label'), value('experiment')];
  const runsOnly = isOn('runs') || outcome !== null || label !== null || experiment !== null;
  return { limit: limitOf(value('limit')), command: value('command'), outcome, label, experiment, runsOnly };
}

function entriesOf(store: Store, wanted: Wanted): HistoryEntry[] {
  const { limit, command, outcome, label, runsOnly } = wanted;
  const of = wanted.experiment === null ? null : store.experiment(wanted.experiment).id;
  const place = of !== null ? { experimentId: of } : runsOnly ? {} : { experimentId: null };
  const runs = store.list({ limit, command, outcome, label, ...place }).map((run) => ({ kind: 'run', run }) as const);
  if (runsOnly) return runs;
  const experiments = store
    .experiments({ limit, command })
    .map((experiment) => ({ kind: 'experiment', experiment }) as const);
  const all: HistoryEntry[] = [...runs, ...experiments].toSorted((x, y) => (startOf(x) < startOf(y) ? 1 : -1));
  return limit === null ? all : all.slice(0, limit);
}

function startOf(entry: HistoryEntry): string {
  return entry.kind === 'run' ? entry.run.startedAt : entry.experiment.startedAt;
}

function limitOf(text: string | null): number | null {
  if (text === null) return LIMIT;
  if (text === 'all') return null;
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new SetupError('bad-option', `--limit: ${quote(text)} is not a number of lines`, 'use 1 or more, or all');
}

function outcomeOf(text: string | null): Outcome | null {
  const found = outcomes.find((outcome) => outcome === text);
  if (found !== undefined || text === null) return found ?? null;
  throw new SetupError(
    'bad-option',
    `--outcome: unknown outcome ${quote(text)}`,
    didYouMean(text, outcomes, `use one of ${outcomes.join(', ')}`),
  );
}
