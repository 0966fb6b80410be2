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

export type GuestConfig = Readonly<{
  /** What the guest mounts at /sys/fs/cgroup. */
  cgroup: 'v1' | 'v2';
  /** Epoch milliseconds: the guest's clock is set to it. */
  time: number;
  hostname: string;
  /** Host folders that are writable inside, each with its 9p tag. */
  rw: readonly Readonly<{ tag: string; path: string }>[];
  streams: Readonly<Record<StreamName, StreamKind>>;
  /** Size of the terminal; null if none. */
  size: TerminalSize | null;
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** Absolute path of the program, and its arguments. */
  argv: readonly string[];
  /** Whether the program gets the port `kmem.runner` as its descriptor 3. */
  runner: boolean;
}>;

export type AgentEvent =
  | Readonly<{ event: 'up'; uptimeMs: number }>
  | Readonly<{ event: 'setup-error'; what: string; errno: string | null; detail: string | null }>
  | Readonly<{ event: 'started'; pid: number }>
  /** The terminal's Ctrl-Z stopped the program. */
  | Readonly<{ event: 'stopped' }>
  /** Nobody in the guest reads stdin any more. */
  | Readonly<{ event: 'stdin-closed' }>
  /** Total bytes per stream. `stdin`: how many of the bytes sent the program read; null if unknown. */
  | Readonly<{
      event: 'end';
      code: number | null;
      signal: string | null;
      stdout: number;
      stderr: number;
      stdin: number | null;
    }>;

export type AgentEnd = Extract<AgentEvent, { event: 'end' }>;

/** Records `key=value`, each terminated by a NUL, and an empty one at the end. @throws SetupError `bad-text` */
export function encodeConfig(config: GuestConfig): Buffer {
  const { streams, size } = config;
  const records: (readonly [key: string, value: string | number])[] = [
    ['cgroup', config.cgroup],
    ['time', Math.round(config.time)],
    ['hostname', config.hostname],
    ...config.rw.map(({ tag, path }) => ['rw', `${tag}:${path}`] as const),
    ['stdin', streams.stdin],
    ['stdout', streams.stdout],
    ['stderr', streams.stderr],
    ...(size === null ? [] : [['size', `${size.rows} ${size.columns}`] as const]),
    ['cwd', config.cwd],
    ...Object.entries(config.env).map(([name, value]) => ['env', `${name}=${value}`] as const),
    ...config.argv.map((argument) => ['arg', argument] as const),
    ...(config.runner ? [['runner', 1] as const] : []),
  ];
  return bytesOf(`${records.map(([key, value]) => `${key}=${withoutNul(key, `${value}`)}\0`).join('')}\0`);
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
};

/** Null for an unknown event; an agent may report more than we ask for. */
export function parseAgentLine(line: string): AgentEvent | null {
  const event = objectOf(line);
  const number = (key: string): number => (typeof event[key] === 'number' ? event[key] : 0);
  const numberOrNull = (key: string): number | null => (typeof event[key] === 'number' ? event[key] : null);
  const text = (key: string): string | null => (typeof event[key] === 'string' ? event[key] : null);
  switch (event.event) {
    case 'up':
      return { event: 'up', uptimeMs: number('uptimeMs') };
    case 'setup-error':
      return { event: 'setup-error', what: text('what') ?? '?', errno: text('errno'), detail: text('detail') };
    case 'started':
      return { event: 'started', pid: number('pid') };
    case 'stopped':
    case 'stdin-closed':
      return { event: event.event };
    case 'end':
      return {
        event: 'end',
        code: numberOrNull('code'),
        signal: text('signal'),
        stdout: number('stdout'),
        stderr: number('stderr'),
        stdin: numberOrNull('stdin'),
      };
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
