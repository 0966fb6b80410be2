import { helper } from '../../bin/compile-native.js';
import { execa } from '../host/execa.ts';
import { hasBytes } from '../text/bytes.ts';
import { findNative } from './find-helper.ts';

/** Inserted by bin/build.js, since hashing the source would cost 3 ms per start; absent if the sources run directly. */
declare const KMEM_HELPER_ID: string | undefined;

let found: string | undefined;

/** Absolute path of the native helper, as findNative returns it. */
export function helperPath(): string {
  found ??= findNative(helper, typeof KMEM_HELPER_ID === 'string' ? KMEM_HELPER_ID : undefined);
  return found;
}

/**
 * In a guest: the host's helper, which exists there at the same path, and may lie where this user's root trusts
 * nothing.
 */
export function useHelper(path: string): void {
  found = path;
}

let holder: number | null = null;

/** In a guest: what starts from now on joins the namespaces of this process. */
export function useNamespacesOf(pid: number): void {
  holder = pid;
}

/** The arguments of a helper that starts or reaches programs of the run. `cwd`: where those begin. */
export function helperArguments(words: readonly string[], cwd = '/'): string[] {
  return holder === null ? [...words] : ['within', String(holder), cwd, ...words];
}

export function isInNamespaces(): boolean {
  return holder !== null;
}

export type Program = Readonly<{
  command: readonly string[];
  /** Absolute. */
  cwd: string;
  /** All of its variables. */
  env: Readonly<Record<string, string>>;
}>;

/** The same program in a form that Node.js can start: through the helper if its words are not UTF-8. */
export function startable(program: Program): Program {
  const { command, cwd, env } = program;
  const before = [cwd, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
  if (![...before, ...command].some(hasBytes)) return program;
  return { command: [helperPath(), 'exec', ...[...before, '--', ...command].map(withSigns)], cwd: '/', env: {} };
}

/** As src/native/helper/encoded.c reads it: `%ff` for a byte that is not UTF-8. */
function withSigns(word: string): string {
  return word.replace(/[%\udc80-\udcff]/gu, (sign) => `%${(sign.charCodeAt(0) & 0xff).toString(16)}`);
}

/** A task that has not hit its limit by then never will. */
const TIMEOUT_MS = 10_000;

/** Whether one of the helper's tasks, in the cgroup of this `tasks` file, was refused kernel memory. */
export async function exceedLimit(helper: string, tasksFile: string): Promise<{ refused: boolean }> {
  const { exitCode } = await execa(helper, ['charge', tasksFile], {
    reject: false,
    stdio: 'ignore',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  return { refused: exitCode === REFUSED };
}

/** Null if the kernel has loaded this module, now or earlier; otherwise why not. */
export async function loadModule(helper: string, file: string): Promise<string | null> {
  const { exitCode, stderr } = await execa(helper, ['load', file], { reject: false, timeout: TIMEOUT_MS });
  return exitCode === 0 ? null : stderr || 'unknown error';
}

export type KernelTrial = Readonly<{
  granularity: 'allocation' | 'object';
  works: boolean;
  /** Of the program that does not load or does not refuse; 0 and empty if it works. */
  errno: number;
  program: string;
}>;

/** What BPF programs can refuse inside this kernel: each refused something for the helper, or which one did not. */
export async function tryKernel(helper: string): Promise<KernelTrial> {
  const { stdout } = await execa(helper, ['granularity'], { reject: false, timeout: TIMEOUT_MS });
  return readTrial(stdout);
}

/** The helper's answer; it gives none if it is killed. */
export function readTrial(line: string): KernelTrial {
  try {
    return JSON.parse(line) as KernelTrial;
  } catch {
    return { granularity: 'object', works: false, errno: 0, program: '' };
  }
}

/** Exit status of a refused task. */
const REFUSED = 1;

/** Which of these lock files are held; tested by the helper, since Node has no flock(2). */
export async function probeLocks(
  helper: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, 'free' | 'held' | 'absent'>> {
  if (paths.length === 0) return new Map();
  const { stdout } = await execa(helper, ['locks', ...paths], { reject: false });
  const rows = stdout.split('\n').map((row) => row.split('\t'));
  return new Map(
    rows.flatMap(([state, path]) => (path !== undefined && isState(state) ? [[path, state] as const] : [])),
  );
}

/**
 * Takes the flock(2) of an open lock file, which then lasts until the file is closed here: the lock belongs to the open
 * file, not to the process. False: it could not be taken.
 */
export async function holdLock(helper: string, fd: number): Promise<boolean> {
  // execa's types cover only the first three descriptors.
  const passed = fd as unknown as 'inherit';
  const { exitCode } = await execa(helper, ['hold'], { reject: false, stdio: ['ignore', 'ignore', 'ignore', passed] });
  return exitCode === 0;
}

function isState(text: string | undefined): text is 'free' | 'held' | 'absent' {
  return text === 'free' || text === 'held' || text === 'absent';
}
