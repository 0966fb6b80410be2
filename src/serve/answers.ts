import { asSetupError, SetupError } from '../errors.ts';
import { keptExperiment } from '../experiment/kept.ts';
import { localTime } from '../report/terminal/history.ts';
import type { Result } from '../result/schema.ts';
import type { ComparedSide, ReportDocument } from '../scenario/documents.ts';
import { compareRuns } from '../statistics/compare.ts';
import { type RunSample, sampleOf } from '../statistics/sample.ts';
import { asPresentResult } from '../store/read-result.ts';
import type { Store } from '../store/types.ts';
import { counted } from '../text/figures.ts';
import { shellLine } from '../text/quote.ts';
import type { GuardedRequest } from './guard.ts';
import { listQueryOf, PAGE_LENGTH, type StoreView } from './query.ts';
import type { PageResponse } from './server.ts';

export type ServeSetting = Readonly<{
  view: StoreView;
  pages: typeof import('./pages.ts');
  /** For browsers: for every report, and for this server. */
  script: string;
  liveScript: string;
  version: string;
}>;

/** No more are drawn over each other. */
const MOST_DRAWN = 20;

const statuses: Readonly<Record<string, number>> = {
  'bad-address': 400,
  'no-such-page': 404,
  'no-such-run': 404,
  'no-such-experiment': 404,
  'ambiguous-id': 404,
  'nothing-to-compare': 409,
  'store-busy': 503,
};

export function answersOf(setting: ServeSetting): (asked: GuardedRequest) => PageResponse {
  return (asked) => {
    try {
      return answer(setting, asked);
    } catch (error) {
      return failed(setting, asked, error);
    }
  };
}

function answer(setting: ServeSetting, { path, query }: GuardedRequest): PageResponse {
  const [first = '', id = '', ...more] = path;
  if (more.length === 0 && id !== '') {
    if (first === 'run') return page(runAnswer(setting, id));
    if (first === 'experiment') return page(experimentAnswer(setting, id));
  }
  if (path.length === 1) {
    if (first === '') return page(listAnswer(setting, query));
    if (first === 'compare') return page(compareAnswer(setting, query));
    if (first === 'changes') return { status: 200, type: 'application/json', body: changesAnswer(setting, query) };
  }
  throw new SetupError('no-such-page', 'no such page', 'go back to the list');
}

function page(body: string): PageResponse {
  return { status: 200, type: 'text/html', body };
}

function listAnswer({ view, pages, liveScript, version }: ServeSetting, parameters: URLSearchParams): string {
  const query = listQueryOf(parameters);
  const { page: number, with: _, ...asked } = query;
  // Read before the store: later changes are seen the next time.
  const changes = view.changes();
  const browsed = view.use((store) =>
    store.browse({ ...asked, offset: (number - 1) * PAGE_LENGTH, limit: PAGE_LENGTH }),
  );
  return pages.listPage({ browsed, query, store: view.file, changes, script: liveScript, version });
}

function runAnswer({ view, pages, ...made }: ServeSetting, id: string): string {
  const { result, experimentId } = view.use((store) => store.run(id));
  const present = asPresentResult(result);
  return pages.runPage({ kind: 'run', result: present }, { id: present.id, experimentId }, made);
}

function experimentAnswer({ view, pages, ...made }: ServeSetting, id: string): string {
  const changes = view.changes();
  return view.use((store) => {
    const experiment = store.experiment(id);
    return pages.experimentPage(keptExperiment(store, experiment.id), experiment, { ...made, changes });
  });
}

function compareAnswer({ view, pages, ...made }: ServeSetting, query: URLSearchParams): string {
  const [nameA, nameB] = [query.get('a') ?? '', query.get('b') ?? ''];
  if (nameA === '' || nameB === '')
    throw new SetupError('bad-address', 'a comparison requires two results', 'choose two results in the list');
  const [a, b] = view.use((store) => [sideNamed(store, nameA), sideNamed(store, nameB)] as const);
  const comparison = compareRuns(a.samples, b.samples);
  const document: ReportDocument = { kind: 'compare', a: a.side, b: b.side, comparison };
  return pages.comparePage(document, made);
}

/** All compared samples are held; only this many results are drawn, since one may be a megabyte. */
function sideNamed(store: Store, name: string): Readonly<{ side: ComparedSide; samples: readonly RunSample[] }> {
  const samples: RunSample[] = [];
  const results: Result[] = [];
  const commands = new Set<string>();
  for (const run of store.runsNamed(store.find(name))) {
    const result = asPresentResult(run.result);
    samples.push(sampleOf({ ...run, result }));
    commands.add(shellLine(result.spec.command));
    if (results.length < MOST_DRAWN) results.push(result);
  }
  return { side: { name, runs: samples.length, commands: [...commands], results }, samples };
}

function changesAnswer({ view }: ServeSetting, query: URLSearchParams): string {
  const id = query.get('experiment');
  const changes = view.changes();
  if (id === null) return JSON.stringify({ changes, experiment: null });
  return view.use((store) => {
    const { status, runs } = store.experiment(id);
    const [last] = store.list({ experimentId: id, limit: 1 });
    const when = last === undefined ? '' : `; the last started at ${localTime(last.startedAt)}: ${last.outcome}`;
    const text = `${counted(runs, 'run')} so far${when}`;
    return JSON.stringify({ changes, experiment: { status, text } });
  });
}

function failed({ pages, version }: ServeSetting, { path }: GuardedRequest, thrown: unknown): PageResponse {
  // Whatever a row contains, only its page cannot be shown; the others can.
  const error = asSetupError(thrown);
  const status = statuses[error.code] ?? 500;
  const back = path.length > 1 ? '../'.repeat(path.length - 1) : './';
  const title = status === 404 ? 'Not found' : 'Cannot be shown';
  const body = pages.messagePage({ title, message: error.message, hint: error.hint, back, version });
  return { status, type: 'text/html', body };
}
