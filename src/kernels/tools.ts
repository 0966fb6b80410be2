/** The distribution's programs that adding a kernel requires. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { errnoOf, SetupError } from '../errors.ts';

const OTHER_WAYS = 'or use local files with --deb FILE or --image FILE --modules DIR';
const remedies = {
  'apt-get': `install the package apt, ${OTHER_WAYS}`,
  'apt-cache': `install the package apt, ${OTHER_WAYS}`,
  'apt-config': `install the package apt, ${OTHER_WAYS}`,
  'apt-helper': `install the package apt, ${OTHER_WAYS}`,
  'dpkg-deb': 'install the package dpkg, or use local files with --image FILE --modules DIR',
  tar: 'install the package tar',
  xz: 'install the package xz-utils',
  flock: 'install the package util-linux',
  make: 'install the package make',
} as const;

export type Tool = keyof typeof remedies;

export type ToolEnd = Readonly<{
  /** Null if killed by a signal or by the caller's abort. */
  code: number | null;
  stdout: Buffer;
  stderr: string;
}>;

export type ToolOptions = Readonly<{
  /** The program to start for a tool that is not on PATH. */
  path?: string;
  input?: Buffer;
  /** Descriptors it inherits, numbered from 3. */
  inherits?: readonly number[];
  /** Aborting it stops the tool and what it started, and waits until they are gone. */
  signal?: AbortSignal | undefined;
}>;

/** Runs a tool to completion, with English messages. @throws SetupError `no-tool` if it is not installed. */
export async function runTool(tool: Tool, args: readonly string[], options: ToolOptions = {}): Promise<ToolEnd> {
  options.signal?.throwIfAborted();
  const { input, inherits = [] } = options;
  const child = start(tool, args, {
    ...options,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...inherits],
  });
  // The tool may not read all of its input.
  child.stdin?.on('error', () => {}).end(input);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const code = await ending(child, tool);
  options.signal?.throwIfAborted();
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8') };
}

/** Pipes the output of one tool into the next. `code` is the first one's failure, otherwise the second's. */
export async function runPipe(
  [from, fromArgs]: readonly [Tool, readonly string[]],
  [to, toArgs]: readonly [Tool, readonly string[]],
  signal: AbortSignal | undefined,
): Promise<ToolEnd> {
  signal?.throwIfAborted();
  const first = start(from, fromArgs, { signal, stdio: ['ignore', 'pipe', 'pipe'] });
  const second = start(to, toArgs, { signal, stdio: ['pipe', 'pipe', 'pipe'] });
  first.stdout?.on('error', () => {});
  second.stdin?.on('error', () => {});
  if (second.stdin !== null) first.stdout?.pipe(second.stdin);
  const stdout = collect(second.stdout);
  const stderr = [collect(first.stderr), collect(second.stderr)];
  const ends = await Promise.allSettled([ending(first, from), ending(second, to)]);
  signal?.throwIfAborted();
  const codes = ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
  const code = codes.find((each) => each !== 0) ?? codes[1] ?? null;
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr.flat()).toString('utf8') };
}

/** The most informative line of a tool's errors. */
export function reasonIn({ code, stderr }: ToolEnd): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const line = lines.find((text) => /^E: |error:/i.test(text)) ?? lines.at(-1);
  return line === undefined ? `exit status ${code ?? 'unknown'}` : line.replace(/^E: /, '');
}

/** Whether a tool (or a system call of Node.js) failed for lack of space. */
export function isOutOfSpace(failure: unknown): boolean {
  const errno = errnoOf(failure);
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return true;
  const text = (failure as Partial<ToolEnd> | null)?.stderr;
  return typeof text === 'string' && /No space left on device|Disk quota exceeded/.test(text);
}

export function noSpace(folder: string, cause?: unknown): SetupError {
  return new SetupError(
    'no-space',
    `not enough space in ${folder}`,
    'free some space there, or set XDG_CACHE_HOME to a folder that you own and that has free space',
    { cause },
  );
}

type Start = ToolOptions & Pick<SpawnOptions, 'stdio'>;

// In its own process group: kmem-run passes on a terminal's Ctrl-C, and what the tool started is stopped with it.
function start(tool: Tool, args: readonly string[], { path, signal, stdio }: Start): ChildProcess {
  const child = spawn(path ?? tool, args, {
    stdio: stdio ?? 'ignore',
    detached: true,
    env: { ...process.env, LC_ALL: 'C', LANGUAGE: 'C' },
  });
  const stop = (): void => endGroup(child.pid);
  signal?.addEventListener('abort', stop, { once: true });
  child.once('close', () => signal?.removeEventListener('abort', stop));
  return child;
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // It has ended.
  }
}

function ending(child: ChildProcess, tool: Tool): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', (error) => reject(errnoOf(error) === 'ENOENT' ? noTool(tool, error) : error));
  });
}

function noTool(tool: Tool, cause: unknown): SetupError {
  return new SetupError('no-tool', `${tool} is not installed`, remedies[tool], { cause });
}

function collect(stream: NodeJS.ReadableStream | null): Buffer[] {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return chunks;
}
