import type { Bench, Section } from '../bench.ts';
import { findProgram } from '../bench.ts';
import { kmemRun, output, STRACE_CALLS, type Words } from '../commands.ts';
import { interleave } from '../interleave.ts';
import { known, type Series } from '../statistics.ts';
import { figure, layOut, type Row } from '../table.ts';

const limited: Words = ['--kmem', '1M'];

const ways: readonly Readonly<{ name: string; wrap: (command: Words) => Words | null }>[] = [
  { name: 'gate', wrap: (command) => kmemRun(limited, command) },
  { name: 'gate --cpus 0', wrap: (command) => kmemRun([...limited, '--cpus', '0'], command) },
  { name: 'gate --reclaim on', wrap: (command) => kmemRun([...limited, '--reclaim', 'on'], command) },
  { name: 'strace, all calls fail', wrap: failAll },
];

/**
 * The cost of a denied call. The first thousand are reported in full (who, what, at which usage); later ones are only
 * counted.
 */
export const denials: Section = {
  name: 'denials',
  about: 'what one denied eventfd2 takes; of kmem-run at --kmem 1M',
  run: async (bench) => {
    const variants = ways.flatMap(({ name, wrap }) => [
      { name: `${name}, first`, measure: () => perDenial(bench, 'first-failures', wrap) },
      { name: `${name}, later`, measure: () => perDenial(bench, 'later-failures', wrap) },
    ]);
    const measured = await interleave(variants, bench.quick ? 3 : 9);
    const cell = (series: Series | undefined): string => figure(known(series ?? []), 'µs');
    const rows = ways.map(
      ({ name }): Row => [name, cell(measured[`${name}, first`]), cell(measured[`${name}, later`]), ''],
    );
    bench.say(layOut([['', 'of the first 1,000', 'after them', ''], ...rows]));
  },
};

function perDenial(bench: Bench, kind: string, wrap: (command: Words) => Words | null): number | null {
  const words = wrap([bench.program('calls'), kind, bench.quick ? '100' : '250', String(STRACE_CALLS)]);
  if (words === null) return null;
  const [nanoseconds] = output(words).trim().split(' ').map(Number);
  return nanoseconds === undefined ? null : nanoseconds / 1000;
}

function failAll(command: Words): Words | null {
  const program = findProgram('strace');
  if (program === null) return null;
  const which = ['-e', 'trace=eventfd2', '-e', 'inject=eventfd2:error=ENOMEM'];
  return [program, '-f', '--seccomp-bpf', ...which, '-o', '/dev/null', ...command];
}
