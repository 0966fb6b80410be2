import { numberFor } from '../experiment/bounds.ts';
import type { Labelled } from '../experiment/plan.ts';
import { sweepPlan } from '../experiment/sweep/plan.ts';
import { type Axes, newSeed } from '../experiment/sweep/points.ts';
import type { SweepReport } from '../experiment/sweep/report.ts';
import type { SweepQuestion } from '../experiment/sweep/sweep.ts';
import { print } from '../host/print.ts';
import type { CommandHelp } from '../manual/page.ts';
import { sweepText } from '../report/terminal/sweep.ts';
import { parseCounts, parseLimits, parseNames } from '../request/ranges.ts';
import { optionName } from '../request/run-input.ts';
import { sweptSubject } from '../scenario/subject.ts';
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

type Own = CommonOptions & {
  axes: { -readonly [K in keyof Axes]: Axes[K] };
  repeat: number;
  seed: number | null;
};

const kind: Kind<SweepQuestion, SweepReport> = {
  name: 'sweep',
  planOf: sweepPlan,
  text: sweepText,
  summary: ({ runs, points }) => ({ ...runs, passed: points.reduce((sum, { passed }) => sum + passed, 0) }),
  status: () => 0,
};

/** `kmem-run sweep`: 0 if it was run. */
export async function sweepCommand(argv: readonly string[]): Promise<number> {
  const own = defaults();
  const table = sweepTable(own);
  const { asked, resume, report, sources } = readExperimentArgv(argv, { word: 'sweep', table, own });
  const { axes, repeat, jobs, warmup, prepare } = own;
  const seed = own.seed ?? newSeed();
  const question: Labelled<SweepQuestion> | null =
    asked === null
      ? null
      : {
          ...(await sweptSubject(asked, optionName, axes.kernel)),
          ...{ axes, repeat, jobs: jobs ?? 1, warmup, prepare, seed, label: report.label },
        };
  if (report.dryRun && question !== null) {
    sweepPlan(question, optionName);
    await print(`${JSON.stringify({ ...question, sources }, null, 2)}\n`);
    return 0;
  }
  return conductExperiment(kind, { question, resume, jobs, report });
}

function defaults(): Own {
  return { ...{ axes: {}, repeat: 1, seed: null }, ...COMMON };
}

/** The source of --help, completion and the man page. */
export function sweepHelp(): CommandHelp {
  return {
    synopsis: [
      'kmem-run sweep [options] -- command [args…]',
      'kmem-run sweep [options] --scenario SCENARIO|FILE',
      'kmem-run sweep --resume EXPERIMENT',
    ],
    text: [
      'Runs a command at many limits and reports at which of them it passes.',
      'RANGE is 512K..4M:256K (steps), 512K..4M*2 (factors), 1M,2M (a list), or a list of these.',
    ],
    options: pageOptions(sweepTable(defaults())),
    status: [
      ['0', 'the sweep is complete'],
      ['125', 'the sweep failed'],
      ['130', 'interrupted; --resume continues it'],
    ],
    examples: ['kmem-run sweep --kmem 512K..4M:256K --repeat 5 -- apachectl start'],
  };
}

function sweepTable(own: Own): OptionTable {
  return experimentTable(
    sweepOptions(own),
    'plot the share of runs that pass, with confidence intervals, in the terminal',
  );
}

function sweepOptions(own: Own): OptionTable {
  const swept = (key: 'kmem' | 'mem' | 'kmemTcp' | 'pids', what: string) =>
    string('Limits:', 'RANGE', what, (_, value) => {
      const parse = key === 'pids' ? parseCounts : parseLimits;
      own.axes[key] = parse(value, { name: optionName(key) });
    });
  return {
    repeat: string(
      GROUP,
      'N',
      'perform this many runs at each point',
      (_, value) => {
        own.repeat = numberFor('repeat', value, optionName);
      },
      '1',
    ),
    seed: string(GROUP, 'N', 'use the order of the sweep that printed this seed', (_, value) => {
      own.seed = numberFor('seed', value, optionName);
    }),
    ...commonOptions(own),
    kmem: swept('kmem', 'limit kernel memory to each of these values'),
    mem: swept('mem', 'limit memory'),
    'kmem-tcp': swept('kmemTcp', 'limit TCP buffers (cgroup v1; soft: usage can exceed it)'),
    pids: swept('pids', 'limit the number of processes and threads'),
    kernel: string(
      'MicroVM:',
      'LIST',
      'boot each of these kernels in a microVM; "host" is the running kernel',
      (_, value) => {
        const names = parseNames(value, { name: '--kernel' });
        own.axes.kernel = names.map((name) => (name === 'host' ? null : name));
      },
    ),
  };
}
