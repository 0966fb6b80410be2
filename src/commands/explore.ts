import { SetupError } from '../errors.ts';
import { numberFor } from '../experiment/bounds.ts';
import type { ExploreQuestion } from '../experiment/explore/explore.ts';
import { explorePlan } from '../experiment/explore/plan.ts';
import type { ExploreReport } from '../experiment/explore/report.ts';
import type { Labelled } from '../experiment/plan.ts';
import { print } from '../host/print.ts';
import type { CommandHelp } from '../manual/page.ts';
import { exploreText } from '../report/terminal/explore.ts';
import { parseNames } from '../request/ranges.ts';
import { optionName } from '../request/run-input.ts';
import { subjectOf } from '../scenario/subject.ts';
import { shellWord } from '../text/quote.ts';
import { conductExperiment } from './experiment.ts';
import {
  COMMON,
  type CommonOptions,
  commonOptions,
  experimentTable,
  GROUP,
  readExperimentArgv,
} from './experiment-options.ts';
import type { Kind } from './experiment-request.ts';
import { flag, type OptionTable, pageOptions, string } from './option-kinds.ts';

const MOST_SUMMARISED = 100;

type Own = CommonOptions & {
  only: string[] | null;
  within: string[] | null;
  all: boolean;
  limit: number | null;
};

/** `store`: the file in which its runs are saved; null: the user's own. */
function kindFor(store: string | null): Kind<ExploreQuestion, ExploreReport> {
  return {
    name: 'explore',
    planOf: (question, nameOf) => explorePlan(question, nameOf, (id) => replayOf(id, store)),
    text: exploreText,
    summary: ({ counts, score, runs, findings }) => ({
      ...counts,
      score,
      made: runs.made,
      findings: findings.length,
      // For `show`, when the report is gone.
      found: findings
        .slice(0, MOST_SUMMARISED)
        .map(({ address, class: name, how, replay }) => ({ address, class: name, how, replay })),
    }),
    status: ({ findings }) => (findings.length === 0 ? 0 : 1),
  };
}

function replayOf(id: string, store: string | null): string {
  return `kmem-run replay ${store === null ? '' : `--store ${shellWord(store)} `}${id}`;
}

/** `kmem-run explore`: 0 when nothing was found, 1 when something was. */
export async function exploreCommand(argv: readonly string[]): Promise<number> {
  const own = defaults();
  const table = exploreTable(own);
  const { asked, report, sources } = readExperimentArgv(argv, { word: 'explore', table, own });
  if (asked === null) throw new Error('explore has no --resume');
  const { only, within, all, limit, jobs, warmup, prepare } = own;
  const question: Labelled<ExploreQuestion> = {
    ...(await subjectOf(asked, optionName)),
    ...{ only, within, all, limit, jobs: jobs ?? 1, warmup, prepare, label: report.label },
  };
  const kind = kindFor(report.store);
  if (report.dryRun) {
    kind.planOf(question, optionName);
    await print(`${JSON.stringify({ ...question, sources }, null, 2)}\n`);
    return 0;
  }
  return conductExperiment(kind, { question, resume: null, jobs, report });
}

function defaults(): Own {
  return {
    ...{ only: null, within: null, all: false, limit: null },
    ...COMMON,
  };
}

/** The source of --help, completion and the man page. */
export function exploreHelp(): CommandHelp {
  return {
    synopsis: ['kmem-run explore [options] -- command [args…]', 'kmem-run explore [options] --scenario SCENARIO|FILE'],
    text: [
      'Runs a command many times. Each run fails one system call that allocates kernel memory. The reaction is classified as crash, hang, silent (exit 0 with a wrong result), leak, or handled.',
      'Each run gets its own folder and port, named in KMEM_RUN_DIR and KMEM_RUN_PORT.',
    ],
    options: pageOptions(exploreTable(defaults())),
    status: [
      ['0', 'no findings'],
      ['1', 'findings'],
      ['125', 'the exploration failed'],
      ['130', 'interrupted; the findings so far are printed'],
    ],
    examples: ['kmem-run explore --jobs 2 -- sleep 0.1'],
  };
}

/** Without the options that name the failing call or rule out failures. */
function exploreTable(own: Own): OptionTable {
  const { resume: _, ...common } = commonOptions(own);
  const {
    fail: __,
    reserve: ___,
    reclaim: ____,
    'rcu-wait': _____,
    profile: ______,
    ...table
  } = experimentTable({ ...exploreOptions(own), ...common });
  return table;
}

function exploreOptions(own: Own): OptionTable {
  return {
    only: string(GROUP, 'LIST', 'fail only these system calls, for example openat,mmap', (_, value) => {
      own.only = parseNames(value, { name: '--only' });
    }),
    in: string(GROUP, 'LIST', 'fail only calls of these programs, for example apache2', (_, value) => {
      own.within = parseNames(value, { name: '--in' });
    }),
    all: flag(GROUP, 'also fail duplicates: calls of the same program and kind on the same object', (_, on) => {
      own.all = on;
    }),
    limit: string(GROUP, 'N', 'fail at most this many calls', (_, value) => {
      own.limit = numberFor('limit', value, optionName);
    }),
    kmem: {
      ...string('Limits:', 'SIZE', 'explore fails calls by their address', () => {
        throw new SetupError(
          'conflicting-options',
          '--kmem cannot be combined with explore, which fails calls one by one',
          'leave it out, or try several limits with kmem-run sweep',
        );
      }),
      isHidden: true,
    },
  };
}
