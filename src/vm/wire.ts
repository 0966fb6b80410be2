/**
 * The protocol between the host and the agent inside over the port `kmem.control`. src/native/agent implements the
 * other side.
 */

import { SetupError } from '../errors.ts';
import { bytesOf } from '../text/bytes.ts';

export type StreamName = 'stdin' | 'stdout' | 'stderr';

/**
 * The type of a stream of the program inside. `smallpipe`: for a file on the host, since unread data in a pipe is
 * kernel memory, which is charged to the group.
 */
export type StreamKind = 'null' | 'pipe' | 'smallpipe' | 'tty';

export type TerminalSize = Readonly<{ rows: number; columns: number }>;

/** What the guest is told before each run, or with the program that it starts. */
export type RunConfig = Readonly<{
  /** Epoch milliseconds: the guest's clock is set to it. */
  time: number;
  /** Random, in hexadecimal. */
  seed: string;
  hostname: string;
  /** The folders in the host's /run, which the guest's has too, but empty. */
  runFolders: readonly Readonly<{ name: string; mode: number; uid: number; gid: number }>[];
  /** Host folders that are writable inside, each with its 9p tag. */
  rw: readonly Readonly<{ tag: string; path: string }>[];
  streams: Readonly<Record<StreamName, StreamKind>>;
  /** Size of the terminal; null if none. */
  size: TerminalSize | null;
}>;

export type GuestConfig = RunConfig &
  Readonly<{
    /** What the guest mounts at /sys/fs/cgroup. */
    cgroup: 'v1' | 'v2';
    cwd: string;
    env: Readonly<Record<string, string>>;
    /** The program, by its absolute path, and its arguments. */
    argv: readonly string[];
    /** Whether the program is given the port `kmem.runner` as its descriptor 3. */
    runner: boolean;
    /** Whether its streams are a terminal or nothing, and a configuration for each of its runs follows. */
    serves: boolean;
  }>;

export type AgentEvent =
  | Readonly<{ event: 'up'; uptimeMs: number }>
  | Readonly<{ event: 'setup-error'; what: string; errno: string | null; detail: string | null }>
  | Readonly<{ event: 'started'; pid: number }>
  /** The room of a run is ready. The streams' ends as the agent's descriptors, which the runner opens; null: it has that one. */
  | (Readonly<{ event: 'opened'; holder: number }> & Readonly<Record<StreamName, number | null>>)
  /** The run is over, as `end` tells of a program. */
  | (Readonly<{ event: 'over' }> & StreamTotals)
  /** Another run can be made, unless something is left of the last. */
  | Readonly<{ event: 'cleared'; left: string | null }>
  /** The terminal's Ctrl-Z stopped the program. */
  | Readonly<{ event: 'stopped' }>
  /** Nobody in the guest reads stdin any more. */
  | Readonly<{ event: 'stdin-closed' }>
  /** Total bytes per stream. */
  | (Readonly<{ event: 'end'; code: number | null; signal: string | null }> & StreamTotals);

/** The streams' bytes in all. `stdin`: how many of those sent the program took; null: not told. */
export type StreamTotals = Readonly<{ stdout: number; stderr: number; stdin: number | null }>;

export type AgentEnd = Extract<AgentEvent, { event: 'end' | 'over' }>;

/** Records `key=value`, each terminated by a NUL, and an empty one at the end. @throws SetupError `bad-text` */
export function encodeConfig(config: RunConfig | GuestConfig): Buffer {
  const { streams, size } = config;
  const program = 'argv' in config ? config : null;
  const records: (readonly [key: string, value: string | number])[] = [
    ...(program === null ? [] : [['cgroup', program.cgroup] as const]),
    ['time', Math.round(config.time)],
    ['seed', config.seed],
    ['hostname', config.hostname],
    ...config.runFolders.map(
      ({ name, mode, uid, gid }) => ['directory', `${mode.toString(8)} ${uid} ${gid} ${name}`] as const,
    ),
    ...config.rw.map(({ tag, path }) => ['rw', `${tag}:${path}`] as const),
    ['stdin', streams.stdin],
    ['stdout', streams.stdout],
    ['stderr', streams.stderr],
    ...(size === null ? [] : [['size', `${size.rows} ${size.columns}`] as const]),
    ...(program === null ? [] : programRecords(program)),
  ];
  return bytesOf(`${records.map(([key, value]) => `${key}=${withoutNul(key, `${value}`)}\0`).join('')}\0`);
}

function programRecords({ cwd, env, argv, runner, serves }: GuestConfig): (readonly [string, string | number])[] {
  return [
    ['cwd', cwd],
    ...Object.entries(env).map(([name, value]) => ['env', `${name}=${value}`] as const),
    ...argv.map((argument) => ['arg', argument] as const),
    ...(runner ? [['runner', 1] as const] : []),
    ...(serves ? [['serves', 1] as const] : []),
  ];
}

function withoutNul(key: string, value: string): string {
  if (!value.includes('\0')) return value;
  throw new SetupError('bad-text', `${key}: a string with a NUL cannot be passed to the guest`, 'remove the NUL');
}

/** Lines to the agent, after the configuration. */
export const say = {
  signal: (name: string): string => `signal ${name}\n`,
  size: ({ rows, columns }: TerminalSize): string => `size ${rows} ${columns}\n`,
  stdinEnd: (bytes: number): string => `stdin-end ${bytes}\n`,
  close: (stream: 'stdout' | 'stderr'): string => `close ${stream}\n`,
  cont: (): string => 'cont\n',
  /** The runner has its streams. */
  opened: (): string => 'opened\n',
  /** The runner has told its result. */
  finish: (): string => 'finish\n',
};

/** Null for an unknown event; an agent may report more than we ask for. */
export function parseAgentLine(line: string): AgentEvent | null {
  const event = objectOf(line);
  const number = (key: string): number => (typeof event[key] === 'number' ? event[key] : 0);
  const numberOrNull = (key: string): number | null => (typeof event[key] === 'number' ? event[key] : null);
  const text = (key: string): string | null => (typeof event[key] === 'string' ? event[key] : null);
  const totals = (): StreamTotals => ({
    stdout: number('stdout'),
    stderr: number('stderr'),
    stdin: numberOrNull('stdin'),
  });
  switch (event.event) {
    case 'up':
      return { event: 'up', uptimeMs: number('uptimeMs') };
    case 'setup-error':
      return { event: 'setup-error', what: text('what') ?? '?', errno: text('errno'), detail: text('detail') };
    case 'started':
      return { event: 'started', pid: number('pid') };
    case 'opened': {
      const end = (key: StreamName): number | null => (number(key) < 0 ? null : number(key));
      const ends = { stdin: end('stdin'), stdout: end('stdout'), stderr: end('stderr') };
      return { event: 'opened', holder: number('holder'), ...ends };
    }
    case 'over':
      return { event: 'over', ...totals() };
    case 'cleared':
      return { event: 'cleared', left: text('left') };
    case 'stopped':
    case 'stdin-closed':
      return { event: event.event };
    case 'end':
      return { event: 'end', code: numberOrNull('code'), signal: text('signal'), ...totals() };
    default:
      return null;
  }
}

function objectOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The agent's failure, as shown to the user. */
export function agentError({ what, errno, detail }: Extract<AgentEvent, { event: 'setup-error' }>): SetupError {
  const why = [errno, detail].filter((part) => part !== null && part !== '').join(', ');
  return new SetupError(
    'guest-failed',
    `the microVM could not ${what}${why === '' ? '' : ` (${why})`}`,
    hintOf(what, errno),
  );
}

function hintOf(what: string, errno: string | null): string {
  if (errno === 'ENOMEM' || errno === 'ENOSPC') return 'give the microVM more memory with --vm-memory';
  if (/cgroup/.test(what)) return 'this kernel may lack that control-group version: use the other --cgroup';
  return 'run kmem-run kernel verify to check the files of the kernel';
}
