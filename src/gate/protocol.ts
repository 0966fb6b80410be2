import { constants } from 'node:os';
import { type GatedCall, gatedCalls, PAGE, refusedCalls, type WatchedCall, watchedCalls } from './syscalls.ts';

/** What the supervisor is told once, before the first step. Absent keys are not sent. */
export type GateConfig = Readonly<{
  gate: boolean;
  /** Bytes; null: nothing is denied. */
  limit: number | null;
  reserve: number;
  errnoEnomem: boolean;
  aslr: boolean;
  /** `tasks` (v1) files by which the joiner joins, so that what the command is made of is charged to the group. */
  join: readonly string[];
  /** The same for controllers in which the joiner must not count (pids). */
  lateJoin: readonly string[];
  /** Directory in the unified hierarchy in which the command is born; null: none. */
  cloneInto: string | null;
  kill: readonly string[];
  directories: readonly string[];
  usage: string;
  max: string | null;
  reclaim: string | null;
  /** File for a line about each gated call; null: none. */
  trace: string | null;
  allowIoUring: boolean;
  lockFile: string;
  identity: Readonly<{ uid: number; gid: number; groups: readonly number[] }> | null;
  cpus: readonly number[] | null;
}>;

export type StepRequest = Readonly<{
  path: string;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  directory: string;
  nullStdin: boolean;
}>;

export type GateFailure = {
  event: 'failure';
  atNs: number;
  pid: number | null;
  tid: number;
  comm: string;
  exe: string | null;
  syscall: string;
  detail: string | null;
  address: string | null;
  usage: number | null;
  errno: number;
  /** Null: between or after the steps. */
  step: number | null;
};

export type GateSummary = {
  event: 'summary';
  denials: number;
  refusals: number;
  gatedCalls: number;
  failuresDropped: number;
  uncounted: number;
  eventsDropped: number;
  reclaims: number;
  traceLost: number;
  maxUsage: number | null;
  peakSeen: number | null;
};

export type GateEvent =
  | { event: 'locked' }
  | { event: 'setup-error'; stage: string; errno: number; subject: string | null }
  | {
      event: 'go';
      step: number;
      pid: number;
      startNs: number;
      atNs: number;
      usage: number | null;
      noNewPrivs: number;
      syncWakeUp: number;
    }
  | {
      event: 'denied';
      step: number;
      what: string;
      atNs: number;
      startNs: number;
      denials: number;
      maxUsage: number | null;
    }
  | {
      event: 'exit';
      step: number;
      atNs: number;
      code: number | null;
      signal: number | null;
      denials: number;
      maxUsage: number | null;
    }
  | GateFailure
  | { event: 'totals'; denials: number; gatedCalls: number }
  | { event: 'count'; comm: string; syscall: string; errno: number; count: number }
  | { event: 'orphan-died'; pid: number; signal: number }
  /** `moves`, `service`, `listener`, `tracer`: something that the result should mention. */
  | { event: 'notice'; kind: string; object: string; comm: string | null }
  | { event: 'guardian-lost' }
  | GateSummary
  | { event: 'end'; escaped: number };

/** linux/audit.h */
const AUDIT_ARCH = { x64: 0xc000003e, i386: 0x40000003, arm64: 0xc00000b7 } as const;
/** x32 calls carry x86-64's audit architecture and this bit in the number. */
const X32_BIT = 0x40000000;

/** A message is a list of NUL-terminated words, ended by an empty word. */
function message(words: readonly string[]): Buffer {
  return Buffer.from(`${words.join('\0')}\0\0`);
}

export function encodeConfig(config: GateConfig): Buffer {
  const words = [
    'config',
    `gate=${Number(config.gate)}`,
    `errno-enomem=${Number(config.errnoEnomem)}`,
    `aslr=${Number(config.aslr)}`,
    `usage=${config.usage}`,
    `reserve=${config.reserve}`,
    `lock-file=${config.lockFile}`,
    ...config.join.map((file) => `join=${file}`),
    ...config.lateJoin.map((file) => `late-join=${file}`),
    ...config.kill.map((file) => `kill=${file}`),
    ...config.directories.map((directory) => `directory=${directory}`),
  ];
  if (config.limit !== null) words.push(`limit=${config.limit}`);
  if (config.cloneInto !== null) words.push(`clone-into=${config.cloneInto}`);
  if (config.max !== null) words.push(`max=${config.max}`);
  if (config.reclaim !== null) words.push(`reclaim=${config.reclaim}`);
  if (config.cpus !== null) words.push(`cpus=${config.cpus.join(',')}`);
  if (config.identity !== null) {
    const { uid, gid, groups } = config.identity;
    words.push(`uid=${uid}`, `gid=${gid}`, `groups=${groups.join(',')}`);
  }
  if (config.trace !== null) words.push(`trace=${config.trace}`);
  if (config.gate) words.push(...policyWords(process.arch, config));
  return message(words);
}

export function encodeStep(step: StepRequest): Buffer {
  return message([
    'step',
    `path=${step.path}`,
    `directory=${step.directory}`,
    ...(step.nullStdin ? ['stdin=null'] : []),
    ...step.argv.map((arg) => `arg=${arg}`),
    ...Object.entries(step.env).map(([name, value]) => `env=${name}=${value}`),
  ]);
}

export const encodeTotals = (): Buffer => message(['totals']);
export const encodeFinish = (): Buffer => message(['finish']);

/** The policy for every architecture whose calls a process on this machine can make. */
export function policyWords(
  arch: string,
  { allowIoUring, trace }: Pick<GateConfig, 'allowIoUring' | 'trace'>,
): string[] {
  const watched = watchedCalls.filter(({ onlyTracing }) => trace !== null || !onlyTracing);
  return [
    ...gatedCalls.flatMap((call) => forEachNumber(arch, call, gatedFields(call, allowIoUring))),
    ...watched.flatMap((call) => forEachNumber(arch, call, watchedFields(call))),
  ];
}

function forEachNumber(
  arch: string,
  { name, numbers }: Pick<GatedCall, 'name' | 'numbers'>,
  fields: readonly (string | number)[],
): string[] {
  const [x64, x32, i386, arm64] = numbers;
  const known: readonly (readonly [number, number | null])[] =
    arch === 'arm64'
      ? [[AUDIT_ARCH.arm64, arm64]]
      : [
          [AUDIT_ARCH.x64, x64],
          [AUDIT_ARCH.x64, x32 === null ? null : x32 + X32_BIT],
          [AUDIT_ARCH.i386, i386],
        ];
  return known.flatMap(([audit, number]) =>
    number === null ? [] : [`call=${[audit, number, name, ...fields].join(':')}`],
  );
}

function gatedFields(call: GatedCall, allowIoUring: boolean): (string | number)[] {
  const refused = refusedCalls.includes(call.name) && !allowIoUring;
  return [
    (refused ? 'refuse' : 'gate') + (call.makesFd ? '+' : ''),
    constants.errno[refused ? 'EPERM' : call.errno],
    call.tcpErrno === undefined ? 0 : constants.errno[call.tcpErrno],
    call.need ?? PAGE,
    call.needThread ?? 0,
    call.detail ?? '',
    call.check ?? '',
    ...conditionFields(call),
  ];
}

function watchedFields(call: WatchedCall): (string | number)[] {
  return ['watch', 0, 0, 0, 0, '', '', ...conditionFields(call)];
}

function conditionFields({ when }: Pick<GatedCall, 'when'>): (string | number)[] {
  return [when?.arg ?? '', when?.values.join('|') ?? ''];
}

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
// Node has two names for one number on Linux; programs and man pages say EAGAIN.
names.set(constants.errno.EAGAIN, 'EAGAIN');

/** `ENOMEM` for 12; the number itself where it has no name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? String(errno);
}
