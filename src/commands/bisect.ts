import { SetupError } from '../errors.ts';
import { type BisectQuestion, withoutLimit } from '../experiment/bisect/bisect.ts';
import { bisectPlan } from '../experiment/bisect/plan.ts';
import type { BisectReport } from '../experiment/bisect/report.ts';
import { numberFor } from '../experiment/bounds.ts';
import type { Labelled } from '../experiment/plan.ts';
import { print } from '../host/print.ts';
import type { CommandHelp } from '../manual/page.ts';
import { bisectText } from '../report/terminal/bisect.ts';
import { optionName } from '../request/run-input.ts';
import { parseLimit } from '../request/size.ts';
import { subjectOf } from '../scenario/subject.ts';
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
import { type OptionTable, pageOptions, string } from './option-kinds.ts';

type Own = CommonOptions & { lo: number | null; hi: number | null; confirm: number };

const kind: Kind<BisectQuestion, BisectReport> = {
  name: 'bisect',
  planOf: bisectPlan,
  text: bisectText,
  summary: ({ answer, runs }) => ({ ...answer, made: runs }),
  status: ({ answer }) => (answer.kind === 'found' ? 0 : 1),
};

/** `kmem-run bisect`: 0 if a limit was found, 1 if there is none or the runs do not show one. */
export async function bisectCommand(argv: readonly string[]): Promise<number> {
  const own = defaults();
  const table = bisectTable(own);
  const { asked, resume, report, sources } = readExperimentArgv(argv, { word: 'bisect', table, own });
  const { lo, confirm, jobs, warmup, prepare } = own;
  const question: Labelled<BisectQuestion> | null =
    asked === null
      ? null
      : {
          ...withoutLimit(await subjectOf(asked, optionName), own.hi),
          ...{ lo, confirm, jobs: jobs ?? 1, warmup, prepare, label: report.label },
        };
  if (report.dryRun && question !== null) {
    bisectPlan(question, optionName);
    await print(`${JSON.stringify({ ...question, sources }, null, 2)}\n`);
    return 0;
  }
  return conductExperiment(kind, { question, resume, jobs, report });
}

function defaults(): Own {
  return { ...{ lo: null, hi: null, confirm: 3 }, ...COMMON };
}

/** The source of --help, completion and the man page. */
export function bisectHelp(): CommandHelp {
  return {
    synopsis: [
      'kmem-run bisect [options] -- command [args…]',
      'kmem-run bisect [options] --scenario SCENARIO|FILE',
      'kmem-run bisect --resume EXPERIMENT',
    ],
    text: [
      'Finds the smallest kmem limit, accurate to one page, at which a command passes. A command passes if every step exits with 0 or, with --expect, if all expectations hold.',
    ],
    options: pageOptions(bisectTable(defaults())),
    status: [
      ['0', 'a limit was found'],
      ['1', 'there is no such limit, or results vary too much to find it'],
      ['125', 'the search failed'],
      ['130', 'interrupted; --resume continues it'],
    ],
    examples: ['kmem-run bisect --timeout 30s -- apachectl start'],
  };
}

function bisectTable(own: Own): OptionTable {
  return experimentTable(bisectOptions(own), 'plot the search and the share of passing runs in the terminal');
}

function bisectOptions(own: Own): OptionTable {
  return {
    lo: string(
      GROUP,
      'SIZE',
      'smallest limit to try',
      (_, value) => {
        own.lo = parseLimit(value, { name: '--lo' });
      },
      'one page',
    ),
    hi: string(
      GROUP,
      'SIZE',
      'limit at which the command passes',
      (_, value) => {
        own.hi = parseLimit(value, { name: '--hi' });
      },
      'derived from its peak without a limit',
    ),
    confirm: string(
      GROUP,
      'N',
      'confirm the limit with this many runs on each side',
      (_, value) => {
        own.confirm = numberFor('confirm', value, optionName);
      },
      '3',
    ),
    ...commonOptions(own),
    kmem: {
      ...string('Limits:', 'SIZE', 'what bisect looks for', () => {
        throw new SetupError(
          'conflicting-options',
          '--kmem cannot be combined with bisect, which searches for that limit',
          'leave it out; set the range of the search with --lo and --hi',
        );
      }),
      isHidden: true,
    },
  };
}
