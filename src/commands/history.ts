import { SetupError } from '../errors.ts';
import { print } from '../host/print.ts';
import { type HistoryEntry, historyJson, historyText } from '../report/terminal/history.ts';
import type { Outcome } from '../result/schema.ts';
import { outcomes } from '../result/schema-events.ts';
import type { Store } from '../store/types.ts';
import { didYouMean } from '../text/nearest.ts';
import { escapeControls, quote } from '../text/quote.ts';
import { mustHave, readStoredArguments, type StoredArguments, styleOfStdout, withStore } from './stored.ts';

export const historyUsage = `kmem-run history [--limit N] [--command TEXT] [--outcome NAME] [--label NAME] [--experiment ID] [--runs] [--json] [--store FILE]

Lists what is kept, the latest first: runs, and experiments as one line each.

  --limit N        at most so many (20); "all" for all
  --command TEXT   only what has this text in its command
  --outcome NAME   only runs that ended so: ${outcomes.join(', ')}
  --label NAME     only runs that were kept under this label
  --experiment ID  the runs of this experiment
  --runs           the runs of experiments too, one by one
  --json           print a JSON array
  --no-color       no colours
  --store FILE     look into this store instead of your own

Exit status: 0, also where nothing is kept.
`;

const LIMIT = 20;

type Wanted = Readonly<{
  limit: number | null;
  command: string | null;
  outcome: Outcome | null;
  label: string | null;
  experiment: string | null;
  /** Single runs only: what is asked of is none of an experiment's. */
  runsOnly: boolean;
}>;

/** `kmem-run history`. */
export async function historyCommand(argv: readonly string[]): Promise<number> {
  const given = readStoredArguments(argv, {
    limit: { type: 'string' },
    command: { type: 'string' },
    outcome: { type: 'string' },
    label: { type: 'string' },
    experiment: { type: 'string' },
    runs: { type: 'boolean' },
    json: { type: 'boolean' },
    color: { type: 'boolean' },
  });
  if (given.help) {
    await print(historyUsage);
    return 0;
  }
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
