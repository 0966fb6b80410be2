/** Kinds of run that chaos disturbs. */

/** An exit status, or the name of the signal that ended the process. */
export type Status = number | NodeJS.Signals;

export type Kind = Readonly<{
  name: string;
  weight: number;
  /** After `kmem-run`. `{…}` is replaced by a value of `Place` in run.ts. */
  args: readonly string[];
  /** Statuses of an undisturbed run; none if it does not end by itself while it is watched. */
  statuses: readonly Status[];
  /** Where the result is written: a record of a run, the report of an experiment, or the store. */
  result: 'run' | 'report' | 'store';
  graceMs?: number;
  /** In addition to the grace: the cost of a machine in a machine. */
  extraMs?: number;
  /** Further statuses of a disturbed run. */
  disturbed?: readonly Status[];
  /** Runs programs outside the group. An owner killed with its guardian leaves what they started (ARCHITECTURE.md). */
  runsOutside?: boolean;
}>;

const GRACE_MS = 2000;

export function graceOf({ graceMs = GRACE_MS }: Kind): number {
  return graceMs;
}

type Line = string | readonly string[];

/** `command`: a line for sh; each program in it that is prefixed with `w` reports which group it is in. */
function kind(name: string, weight: number, options: string, command: Line, more: Partial<Kind> = {}): Kind {
  const words = typeof command === 'string' ? ['{w}', 'sh', '-c', command.replace(/\bw /g, '{w} ')] : command;
  const args = [...options.split(' '), '--quiet', '--json', '{dir}/result.json', '--', ...words];
  return { name, weight, args, statuses: [], result: 'run', ...more };
}

/** Reports that it has done all its work. */
const DONE = ': > {dir}/done';

const sleeps = 'w sleep 61 & w sleep 61 & wait';
const storm = ['{denial-storm}', '20'];

const runs: readonly Kind[] = [
  kind('sleeps', 4, '--kmem 2M', sleeps),
  kind('storm', 2, '--kmem 400K --timeout 60s', storm, { statuses: [0] }),
  kind('forks', 1, '--kmem 1M', 'while :; do (exec true) & done', { statuses: [2] }),
  kind('daemon', 1, '--kmem 4M --wait empty', 'setsid w sh -c "w sleep 61; :" & setsid w sleep 61 & exit 0'),
  kind('deaf', 1, '--kmem 4M --grace 300ms', 'trap "" TERM INT HUP; w sleep 61 & while :; do sleep 0.05; done', {
    graceMs: 300,
  }),
  kind('output', 1, '--kmem 4M --expect stdout~x --output /dev/null', 'yes x | head -c 20000000; w sleep 61', {
    disturbed: [122],
  }),
  {
    ...kind('steps', 1, '--kmem 4M', 'w sleep 61 & true'),
    args: ['--kmem', '4M', '--quiet', '--json', '{dir}/result.json', '--wait', 'empty']
      .concat('--then', '{w} sleep 0.05 & true', '--then', '{w} true', '--then', '{w} sleep 61')
      .concat('--', '{w}', 'sh', '-c', '{w} sleep 61 & true'),
  },
  kind('nobody', 1, '--kmem 4M --user nobody', 'w sleep 61 & w sleep 61'),
  kind('short', 3, '--kmem 4M', `w true & w true; ${DONE}`, { statuses: [0] }),
  {
    name: 'stored',
    weight: 3,
    args: ['--kmem', '4M', '--quiet', '--store', '{store}', '--label', '{label}', '--', '{w}', 'sh', '-c'].concat(
      `{w} true & {w} true; ${DONE}`,
    ),
    statuses: [0],
    result: 'store',
  },
  kind('none', 1, '--enforce none --mem 64M', sleeps),
  kind('trace', 1, '--kmem 4M --trace-gate {dir}/trace.jsonl', 'while :; do w true | cat; done'),
  kind('reclaim', 1, '--kmem 600K --reclaim on', 'while :; do ls / >/dev/null; done'),
  kind('pids', 1, '--kmem 8M --pids 12', 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do sleep 61 & done; wait', {
    statuses: [2],
  }),
  kind('hold', 1, '--kmem 4M --hold 60s', `w sleep 61 & ${DONE}`),
  kind('inject', 1, '--kmem 4M --fail 0.1/3:mmap', 'while :; do w true & wait; done'),
  // More children than fit into one read of a list of pids, outside the group.
  {
    ...kind('leave-children', 1, '--kmem 64M --wait exit --hold 60s', ['{leave-children}', '800', '{elsewhere}']),
    runsOutside: true,
  },
];

const scenario = ['scenario', 'run', '--format', 'json', '--output', '{dir}/result.json'];

function experiment(name: string, args: readonly string[], statuses: readonly Status[]): Kind {
  return { name, weight: 1, args, statuses, result: 'report', disturbed: [0, 1, 125] };
}

function command(name: string, options: string): readonly string[] {
  const words = [
    '--quiet',
    '--jobs',
    '2',
    '--json',
    '{dir}/result.json',
    '--',
    '{w}',
    'sh',
    '-c',
    '{w} sleep 0.2 & wait',
  ];
  return [name, ...options.split(' '), ...words];
}

const experiments: readonly Kind[] = [
  experiment('sweep', command('sweep', '--kmem 150K..400K:50K'), [0, 1]),
  { ...experiment('prepare', command('sweep', '--kmem 1M,2M --prepare {sleep}'), []), runsOutside: true },
  experiment('explore', command('explore', '--store {store}'), [0, 1]),
  experiment('bisect', command('bisect', '--store {store}'), [0, 1]),
  { ...experiment('outside', [...scenario, '{outside}'], []), runsOutside: true },
  { ...experiment('set-up', [...scenario, '{set-up}'], []), runsOutside: true },
];

/** Kinds whose BPF programs work only outside a PID namespace. */
const watched: readonly Kind[] = [
  kind('watched-sleeps', 1, '--kmem 2M', sleeps),
  kind('watched-storm', 1, '--kmem 400K', storm, { statuses: [0] }),
  // Page faults over the limit, one process after another.
  kind(
    'watched-faults',
    1,
    '--kmem 1M --on-fault sigbus',
    'for i in 1 3 6; do (sleep 0.$i; exec {sparse} 1000 default) & done; sleep 61',
  ),
];

/** A boot that is aborted at once, or a machine that is stopped and given up (src/run/in-microvm.ts). */
const VM_MS = 40_000;

/** In microVMs. */
const virtual: readonly Kind[] = [
  inMicrovm('vm-sleeps', 2, '--kmem 4M', sleeps),
  inMicrovm('vm-short', 2, '--kmem 4M', `w true & w true; ${DONE}`, [0]),
  inMicrovm('vm-storm', 1, '--kmem 1M', storm, [0]),
  inMicrovm('vm-hold', 1, '--kmem 4M --hold 60s', `w sleep 61 & ${DONE}`),
];

function inMicrovm(
  name: string,
  weight: number,
  options: string,
  command: Line,
  statuses: readonly Status[] = [],
): Kind {
  return kind(name, weight, `--kernel {kernel} --rw {dir} ${options}`, command, { statuses, extraMs: VM_MS });
}

export const kinds: readonly Kind[] = [...runs, ...experiments, ...watched];
export const kindsInMicrovms: readonly Kind[] = virtual;

/** What only the gate does. */
const NEEDS_GATE = ['trace', 'reclaim', 'inject', 'explore', 'none'];

/** Under this mode, whose programs work only outside a PID namespace. */
export function kindsUnder(mode: string): readonly Kind[] {
  const possible = [...runs, ...watched].filter(({ name }) => !NEEDS_GATE.includes(name));
  return possible.map((each) => ({ ...each, args: ['--enforce', mode, ...each.args] }));
}

export function isWatched({ name, args }: Kind): boolean {
  return args[0] === '--enforce' || watched.some((each) => each.name === name);
}
