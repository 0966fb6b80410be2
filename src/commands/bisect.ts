import { SetupError } from '../errors.ts';
import { type BisectQuestion, withoutLimit } from '../experiment/bisect/bisect.ts';
import { bisectPlan } from '../experiment/bisect/plan.ts';
import type { BisectReport } from '../experiment/bisect/report.ts';
import { numberFor } from '../experiment/bounds.ts';
import type { Labelled } from '../experiment/plan.ts';
import { print } from '../host/print.ts';
import { bisectText } from '../report/terminal/bisect.ts';
import { optionName } from '../request/run-input.ts';
import { parseLimit } from '../request/size.ts';
import { subjectOf } from '../scenario/subject.ts';
import { conductExperiment } from './experiment.ts';
import {
  asksForHelp,
  COMMON,
  type CommonOptions,
  commonOptions,
  experimentTable,
  GROUP,
  readExperimentArgv,
} from './experiment-options.ts';
import type { Kind } from './experiment-request.ts';
import { type CommandHelp, printOptions } from './help.ts';
import { type OptionTable, string } from './option-kinds.ts';

type Own = CommonOptions & { lo: number | null; hi: number | null; confirm: number };

const kind: Kind<BisectQuestion, BisectReport> = {
  name: 'bisect',
  planOf: bisectPlan,
  text: bisectText,
  summary: ({ answer, runs }) => ({ ...answer, made: runs }),
  status: ({ answer }) => (answer.kind === 'found' ? 0 : 1),
};

/** `kmem-run bisect`: 0 when a limit was found, 1 when there is none or the runs show none. */
export async function bisectCommand(argv: readonly string[]): Promise<number> {
  const own = defaults();
  const table = bisectTable(own);
  if (asksForHelp(argv)) return printOptions(bisectHelp());
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

/** What --help, completion and the man page are made from. */
export function bisectHelp(): CommandHelp {
  return {
    table: bisectTable(defaults()),
    usage:
      'kmem-run bisect [options] -- command [args…]\nkmem-run bisect [options] --scenario NAME|FILE\nkmem-run bisect --resume ID\n\nFinds the smallest kmem limit, to the page, at which a command passes: every step exits 0, or every --expect holds.',
    epilogue:
      'Exit status: 0 a limit was found, 1 there is none or the runs show none, 125 the search could not be made, 130 interrupted (--resume continues).\n\nExample: kmem-run bisect --timeout 30s -- apachectl start',
  };
}

function bisectTable(own: Own): OptionTable {
  return experimentTable(bisectOptions(own), 'draw the search and how many of the runs pass, in the terminal');
}

function bisectOptions(own: Own): OptionTable {
  return {
    lo: string(GROUP, 'SIZE', 'the smallest limit to try (one page)', (_, value) => {
      own.lo = parseLimit(value, { name: '--lo' });
    }),
    hi: string(GROUP, 'SIZE', 'the highest, at which it passes (from its peak without a limit)', (_, value) => {
      own.hi = parseLimit(value, { name: '--hi' });
    }),
    confirm: string(GROUP, 'N', 'runs to confirm the limit with, on either side (3)', (_, value) => {
      own.confirm = numberFor('confirm', value, optionName);
    }),
    ...commonOptions(own),
    kmem: string('Limits:', 'SIZE', 'what is looked for: give --lo and --hi instead', () => {
      throw new SetupError(
        'conflicting-options',
        '--kmem cannot be combined with bisect, which searches for that limit',
        'leave it out; set the range of the search with --lo and --hi',
      );
    }),
  };
}
