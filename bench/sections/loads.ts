import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Section } from '../bench.ts';
import { gated, gatedNames, kmemRun, output, strace, ungated, type Words } from '../commands.ts';
import { interleave } from '../interleave.ts';
import { combine, known, ratio } from '../statistics.ts';
import { figure, layOut, type Row, times } from '../table.ts';

type Load = Readonly<{ name: string; command: (bench: Bench) => Words }>;

const allLoads: readonly Load[] = [
  { name: 'forks: sh, 200 × /bin/true', command: () => ['sh', '-c', loop(200, '/bin/true')] },
  {
    name: 'files: cat of 4,000 small files',
    command: (bench) => ['sh', '-c', `cat ${makeFiles(bench)}/*/* > /dev/null`],
  },
  { name: 'sockets: 2,000 TCP connections', command: (bench) => [bench.program('sockets'), '2000'] },
];

/** The slowdown of three loads that do little but call the kernel: the gate's worst case. */
export const loads: Section = {
  name: 'loads',
  about: 'three loads that do little else than gated calls; times from within, without the start of kmem-run or strace',
  run: async (bench) => {
    const rows: Row[] = [];
    for (const load of allLoads) rows.push(await rowOf(bench, load));
    bench.say(layOut([['', 'bare', 'kmem-run --enforce none', 'gate', 'strace', ''], ...rows]));
  },
};

async function rowOf(bench: Bench, { name, command }: Load): Promise<Row> {
  const timed = [bench.program('timed'), ...command(bench)];
  const variants = [
    { name: 'bare', measure: () => elapsedMs(timed) },
    { name: 'none', measure: () => elapsedMs(kmemRun(ungated, timed)) },
    { name: 'gate', measure: () => elapsedMs(kmemRun(gated, timed)) },
    { name: 'strace', measure: () => elapsedMs(strace(gatedNames, timed)) },
  ] as const;
  const measured = await interleave(variants, bench.quick ? 3 : 11);
  const slowdown = (kind: 'none' | 'gate' | 'strace'): string => times(combine(measured[kind], measured.bare, ratio));
  return [name, figure(known(measured.bare), 'ms'), slowdown('none'), slowdown('gate'), slowdown('strace'), ''];
}

function elapsedMs(words: Words | null): number | null {
  if (words === null) return null;
  const [milliseconds] = output(words).trim().split(' ').map(Number);
  return milliseconds ?? null;
}

function loop(times: number, command: string): string {
  return `i=0; while [ $i -lt ${times} ]; do ${command}; i=$((i+1)); done`;
}

function makeFiles(bench: Bench): string {
  const tree = join(bench.folder, 'tree');
  for (let folder = 0; folder < 40; folder += 1) {
    mkdirSync(join(tree, String(folder)), { recursive: true });
    for (let file = 0; file < 100; file += 1) writeFileSync(join(tree, String(folder), String(file)), 'a line\n');
  }
  return tree;
}
