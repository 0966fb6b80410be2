/**
 * The table of docs/reference/gate.md, generated from the gate's policy: what is gated, what a denied call gets, and
 * when.
 */

import { type GatedCall, gatedCalls, PAGE, refusedCalls, type WatchedCall, watchedCalls } from '../gate/syscalls.ts';
import { groupDigits } from '../request/size.ts';
import { markdownTable } from '../text/markdown-table.ts';

const HEAD = ['class', 'system calls', 'a denied call gets', 'only if', 'room it needs', 'manual page'];

/** Every call of the policy is in one row; calls that are treated alike share it. */
export function gateTable(): string {
  const rows = [...gatedCalls.map(gatedRow), ...watchedCalls.map(watchedRow)];
  const merged = new Map<string, { calls: Set<string>; cells: readonly string[] }>();
  for (const { call, cells } of rows) {
    const key = cells.join('\0');
    const row = merged.get(key) ?? { calls: new Set(), cells };
    merged.set(key, { ...row, calls: row.calls.add(call) });
  }
  const table = [...merged.values()].map(({ calls, cells: [kind = '', ...rest] }) => [
    kind,
    [...calls].join(' '),
    ...rest,
  ]);
  const classes = [...new Set(table.map(([kind]) => kind))];
  return markdownTable(
    HEAD,
    classes.flatMap((kind) => table.filter((row) => row[0] === kind)),
  );
}

type Row = Readonly<{ call: string; cells: readonly string[] }>;

function gatedRow(call: GatedCall): Row {
  return { call: nameOf(call), cells: [call.class, answerOf(call), conditionOf(call), needOf(call), call.man] };
}

function watchedRow(call: WatchedCall): Row {
  const condition = [
    call.leaves ? 'with `--kmem` (unless `--rcu-wait off`), `--trace-gate` or `--fail`, and on cgroup v2' : '',
    valuesOf(call),
  ]
    .filter(Boolean)
    .join('; ');
  return { call: nameOf(call), cells: ['watched', 'never denied', condition, '', ''] };
}

function nameOf({ name, size, numbers: [x64, , , arm64] }: Pick<GatedCall, 'name' | 'size' | 'numbers'>): string {
  // mmap has two entries: the common one, and an old i386 form whose arguments are in memory.
  const elsewhere = gatedCalls.some((other) => other.name === name && other.size === size && other.numbers[0] !== null);
  return x64 === null && arm64 === null && !elsewhere ? `\`${name}\` (i386)` : `\`${name}\``;
}

function answerOf({ name, errno, isSocket, check }: GatedCall): string {
  // An errno would be taken for the new break: src/native/helper/main.c, "The decision".
  if (name === 'brk') return 'the old break';
  if (refusedCalls.includes(name)) return `\`EPERM\`, always; with \`--allow-io-uring\`: \`${errno}\``;
  const special = [
    ...(isSocket ? ['`ENOMEM` for TCP, before 6.1 `ENOBUFS`'] : []),
    ...(check === 'ipc' ? ['`ENOSPC` for shmget'] : []),
    ...(check === 'tmpfs' ? ['`ENOSPC` if it creates something on tmpfs'] : []),
  ];
  return [`\`${errno}\``, ...special].join('; ');
}

function conditionOf(call: GatedCall): string {
  const allocates = {
    split: 'the call splits a mapping',
    fdtable: 'the descriptor table grows',
    ipc: 'the call is semget, msgsnd, msgget, shmat or shmget',
    tmpfs: '',
    'on-tmpfs': 'the file is on tmpfs',
  } as const;
  const reason = call.check === undefined ? '' : allocates[call.check];
  const orTables = call.check === 'split' && call.size !== undefined ? ' or creates page tables' : '';
  return [valuesOf(call), reason + orTables].filter(Boolean).join('; ');
}

function needOf({ need = PAGE, needThread, check, creates, size }: GatedCall): string {
  if (check === 'fdtable') return 'the larger table';
  const sharing = needThread === undefined ? '' : `; ${groupDigits(needThread)} if it shares its address space`;
  const sizes = [...(need > 0 ? [groupDigits(need)] : []), ...(size === undefined ? [] : [sizeOf(size)])].join(' + ');
  return `${sizes}${sharing}${creates === undefined ? '' : ' †'}`;
}

/** Describes a rule of `size`: a kind, the argument, and its factor. */
function sizeOf(rule: string): string {
  const [, kind = '', argument = '', factor = ''] = /^([a-z-]+)(\d?)(.*)$/.exec(rule) ?? [];
  const by = factor.replace('*', ' × ').replace('/', ' / ');
  return (SIZES[kind] ?? rule).replace('ARGUMENT', `argument ${argument}`).replace('FACTOR', by);
}

const SIZES: Readonly<Record<string, string>> = {
  arg: 'ARGUMENTFACTOR',
  pow: 'ARGUMENTFACTOR, rounded up to a power of two',
  filter: 'instructionsFACTOR ‡',
  xattr: 'the size of the value, rounded up to a power of two ‡',
  'bpf-map': "the map's entries ‡",
  mapping: 'page tables with `MAP_POPULATE` or `MAP_LOCKED`',
  move: 'page tables with `MREMAP_FIXED`, unless they can be moved',
  range: 'missing page tables',
  all: 'missing page tables of all mappings',
};

function valuesOf({ name, when }: Pick<GatedCall, 'name' | 'when'>): string {
  if (when === undefined) return '';
  const words = VALUES[name] ?? {};
  return when.values.map((value) => words[value] ?? `argument ${when.arg} is ${value}`).join(', ');
}

/** Names of the values of `when`: fcntl(2), epoll_ctl(2), madvise(2), linux/net.h, linux/ipc.h, bpf(2) … */
const VALUES: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  fcntl: { 0: '`F_DUPFD`', 1030: '`F_DUPFD_CLOEXEC`', 1031: '`F_SETPIPE_SZ`' },
  fcntl64: { 0: '`F_DUPFD`', 1030: '`F_DUPFD_CLOEXEC`', 1031: '`F_SETPIPE_SZ`' },
  mlock2: { 0: 'no flags', 1: '`MLOCK_ONFAULT`' },
  mlockall: { 1: '`MCL_CURRENT`', 3: '`MCL_CURRENT` with `MCL_FUTURE`' },
  epoll_ctl: { 1: '`EPOLL_CTL_ADD`' },
  madvise: {
    0: '`MADV_NORMAL`',
    1: '`_RANDOM`',
    2: '`_SEQUENTIAL`',
    10: '`_DONTFORK`',
    11: '`_DOFORK`',
    12: '`_MERGEABLE`',
    13: '`_UNMERGEABLE`',
    14: '`_HUGEPAGE`',
    15: '`_NOHUGEPAGE`',
    16: '`_DONTDUMP`',
    17: '`_DODUMP`',
    18: '`_WIPEONFORK`',
    19: '`_KEEPONFORK`',
    22: '`MADV_POPULATE_READ`',
    23: '`_POPULATE_WRITE`',
  },
  socketcall: { 1: 'socket', 2: 'bind', 3: 'connect', 5: 'accept', 8: 'socketpair', 18: 'accept4' },
  seccomp: { 1: '`SECCOMP_SET_MODE_FILTER`' },
  bpf: { 0: '`BPF_MAP_CREATE`', 5: '`BPF_PROG_LOAD`' },
  ptrace: { 0: '`PTRACE_TRACEME`', 16: '`PTRACE_ATTACH`', 16902: '`PTRACE_SEIZE`' },
};
