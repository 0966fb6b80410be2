import { mkdirSync, rmdirSync } from 'node:fs';
import { readHierarchies } from '../../src/cgroup/hierarchies.ts';
import { type Bench, findProgram, type Section } from '../bench.ts';
import { kmemRun, type Words, wallMs } from '../commands.ts';
import { interleave } from '../interleave.ts';
import { combine, known, ratio } from '../statistics.ts';
import { figure, goal, layOut, type Row, times } from '../table.ts';

const GOAL = 2.8;

type Runner = Readonly<{ name: string; words: Words | null; remark: string }>;

/** How long it takes to run `true`, each from the start of the process to its exit. */
export const launch: Section = {
  name: 'launch',
  about: 'to run `true` once, from start to end',
  run: async (bench) => {
    const node = { name: 'node -e 0', words: [process.execPath, '-e', '0'], remark: '' };
    const ours = kmemRun(['--kmem', '64M'], ['true']);
    const runners: Runner[] = [node, { name: 'kmem-run --kmem 64M', words: ours, remark: '' }, ...otherRunners(bench)];
    const there = runners.flatMap(({ name, words }) =>
      words === null ? [] : [{ name, measure: () => wallMs(words) }],
    );
    const measured = await interleave(there, bench.quick ? 7 : 30);
    const series = (name: string) => measured[name] ?? [];
    const ratios = combine(series('kmem-run --kmem 64M'), series(node.name), ratio);
    const rows = runners.map(({ name, words, remark }): Row => {
      if (words === null) return [name, '—', '', remark];
      const beside = name === 'kmem-run --kmem 64M' ? [] : combine(series('kmem-run --kmem 64M'), series(name), ratio);
      const said = name === 'kmem-run --kmem 64M' ? goal('at most', GOAL, '× node -e 0', ratios) : remark;
      return [name, figure(known(series(name)), 'ms'), beside.length > 0 ? times(beside) : '', said];
    });
    bench.say(layOut([['', 'median (quartiles)', 'kmem-run takes', ''], ...rows]));
  },
};

function otherRunners(bench: Bench): Runner[] {
  const bwrap = findProgram('bwrap');
  const firejail = findProgram('firejail');
  return [
    cgexec(bench),
    {
      name: 'bwrap',
      words: bwrap === null ? null : [bwrap, '--dev-bind', '/', '/', '--unshare-pid', 'true'],
      remark: bwrap === null ? 'not installed' : 'no cgroup, no limit',
    },
    {
      name: 'firejail',
      words: firejail === null ? null : [firejail, '--quiet', '--noprofile', 'true'],
      remark: firejail === null ? 'not installed' : 'no cgroup, no limit',
    },
  ];
}

/** It only joins an existing group: the group is created here, once. */
function cgexec(bench: Bench): Runner {
  const name = 'cgexec -g memory:GROUP';
  const program = findProgram('cgexec');
  if (program === null) return { name, words: null, remark: 'not installed (cgroup-tools)' };
  const { memory } = readHierarchies();
  if (memory?.own == null || memory.version !== 1)
    return { name, words: null, remark: 'no cgroup v1 memory hierarchy' };
  const directory = `${memory.own}/kmem-bench.${process.pid}`;
  mkdirSync(directory);
  bench.atEnd(() => rmdirSync(directory));
  const group = directory.slice(memory.mountPoint.length);
  return {
    name,
    words: [program, '-g', `memory:${group}`, 'true'],
    remark: 'no limit set, no result, group made before',
  };
}
