import { join } from 'node:path';
import { type Bench, findProgram, type Section } from '../bench.ts';
import { kmemRun, output, type Words } from '../commands.ts';
import { interleave } from '../interleave.ts';
import { combine, known, ratio } from '../statistics.ts';
import { figure, goal, layOut, type Row, times } from '../table.ts';

const GOAL = 25;
const JOBS = '2';
const SWEEP = 'kmem-run sweep';

/** `count`: runs per measurement; fewer for a slow way. */
type Way = Readonly<{ name: string; count: number; words: Words | null; remark: string }>;

/** Compared with the same work without a persistent runner: one process per run, started by xargs. */
export const sweep: Section = {
  name: 'sweep',
  about: `runs of \`true\` a second, ${JOBS} at a time, each measured and kept; from start to end`,
  run: async (bench) => {
    const many = bench.quick ? 400 : 2000;
    const all = ways(bench, many);
    const peaks: number[] = [];
    const variants = all.flatMap(({ name, count, words }) => {
      if (words === null) return [];
      const measure = (): number => {
        const { ms, mb } = timed(bench, words);
        if (name === SWEEP) peaks.push(mb);
        return (1000 * count) / ms;
      };
      return [{ name, measure }];
    });
    const measured = await interleave(variants, bench.quick ? 1 : 3);
    const ours = measured[SWEEP] ?? [];
    const rows = all.map(({ name, words, remark }): Row => {
      const own = measured[name] ?? [];
      if (name === SWEEP) return [name, figure(known(own), '/s'), '', goal('at least', GOAL, '/s', known(own))];
      return [name, figure(known(own), '/s'), words === null ? '' : times(combine(ours, own, ratio)), remark];
    });
    bench.say(layOut([['', 'median (quartiles)', 'the sweep makes', ''], ...rows]));
    const few = timed(bench, sweepWords(bench, many / 10));
    bench.say(
      `  peak memory of the sweep: ${figure([few.mb], 'MB')} for ${many / 10} runs, ${figure(peaks, 'MB')} for ${many}\n`,
    );
  },
};

function ways(bench: Bench, many: number): Way[] {
  const few = many / 20;
  const bwrap = findProgram('bwrap');
  return [
    { name: SWEEP, count: many, words: sweepWords(bench, many), remark: '' },
    {
      name: 'xargs bwrap',
      count: many,
      words: bwrap === null ? null : each(many, [bwrap, '--dev-bind', '/', '/', '--unshare-pid', 'true']),
      remark: bwrap === null ? 'not installed' : 'no cgroup, no limit, no figures',
    },
    { name: 'xargs node -e 0', count: few, words: each(few, [process.execPath, '-e', '0']), remark: 'Node alone' },
    {
      name: 'xargs kmem-run --keep',
      count: few,
      words: each(few, kmemRun(['--store', join(bench.folder, 'runs.sqlite')], ['true'])),
      remark: 'the same runs, one by one',
    },
  ];
}

function sweepWords(bench: Bench, runs: number): Words {
  const [node = '', bin = '', ...rest] = kmemRun(
    ['--repeat', String(runs), '--jobs', JOBS, '--store', join(bench.folder, 'sweeps.sqlite')],
    ['true'],
  );
  return [node, bin, 'sweep', ...rest];
}

/** As many at a time as the sweep runs. The placeholder for the number must not occur in any of the words. */
function each(count: number, words: Words): Words {
  return ['sh', '-c', `seq ${count} | xargs -P ${JOBS} -I @run@ "$@"`, 'sh', ...words];
}

/** From start to end, and the largest resident set. */
function timed(bench: Bench, words: Words): Readonly<{ ms: number; mb: number }> {
  const [ms = Number.NaN, kibibytes = Number.NaN] = output([bench.program('timed'), ...words])
    .trim()
    .split(' ')
    .map(Number);
  return { ms, mb: (kibibytes * 1024) / 1e6 };
}
