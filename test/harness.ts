/** Runs kmem-run as its users do, in cgroups and folders of the test's own, so that leftovers can be detected. */

import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { type Options as ExecaOptions, execa } from 'execa';
import { lockPath } from '../src/cgroup/lock.ts';
import { nestedGroups, pidsIn } from '../src/cgroup/nested.ts';
import type { Result } from '../src/result/schema.ts';
import { makeSandbox, type Sandbox } from './cgroup/sandbox.ts';
import { slowness } from './needs.ts';
import { commOf, readOrEmpty } from './processes.ts';
import { validateResult } from './validate-result.ts';

const root = join(import.meta.dirname, '..');
export const bin = join(root, 'bin', 'kmem-run.js');

/** A run that has not ended by then is killed, so that a broken kmem-run fails a test instead of hanging it. */
const TIMEOUT_MS = 180_000 * slowness;

export type Ran = Readonly<{
  /** Null if killed by `signal`. */
  status: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  /** The --json output, valid by the schema; null if no file. */
  result: Result | null;
}>;

export type Start = Readonly<{
  /** Words put before kmem-run: a program that starts it. */
  under?: readonly string[];
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** False: no --json. Default: a file of the test's own. */
  json?: boolean;
  /** Milliseconds. Default: three minutes. */
  timeout?: number;
  stdin?: ExecaOptions['stdin'];
  input?: Buffer | string;
  stdout?: ExecaOptions['stdout'];
  stderr?: ExecaOptions['stderr'];
}>;

export type Running = Readonly<{ pid: number; ended: Promise<Ran>; signal: (name: NodeJS.Signals) => void }>;

export type Harness = Readonly<{
  /** The test's own folder, writable by everyone. */
  folder: string;
  /** Its TMPDIR. */
  temporary: string;
  sandbox: Sandbox;
  path: (name: string) => string;
  has: (name: string) => boolean;
  read: (name: string) => string;
  run: (args: readonly string[], start?: Start) => Promise<Ran>;
  start: (args: readonly string[], start?: Start) => Running;
  /** The same, but with only the prefix that joins the cgroups: for programs that start kmem-run themselves. */
  startProgram: (words: readonly string[], start?: Start) => Running;
  /** Asserts that no group, process, lock or temporary file of any run started here is left. */
  assertNothingLeft: () => void;
  whatIsLeft: () => string[];
  /** The remaining processes, once there are none or `withinMs` has passed: a killed run takes a moment to end. */
  processesLeft: (withinMs: number) => Promise<string[]>;
}>;

/** Joins as a single thread with v1's `tasks`, which does not wait; v2 has no such file. */
export const JOIN =
  'for g in $JOINS; do echo 0 2>/dev/null > "$g/tasks" || echo 0 > "$g/cgroup.procs"; done; unset JOINS; exec "$@"';

export function makeHarness(t: ExecutionContext): Harness {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o777);
  // Like /tmp: not in the folder, where anyone could replace it.
  const temporary = mkdtempSync(join(tmpdir(), 'kmem-run-test-'));
  t.teardown(() => rmSync(temporary, { recursive: true, force: true }));
  chmodSync(temporary, 0o1777);
  const sandbox = makeSandbox(t);
  const mark = `KMEM_RUN_TEST=${sandbox.id}`;
  const ids: string[] = [];
  let runs = 0;

  const startProgram = (words: readonly string[], start: Start = {}, jsonFile: string | null = null): Running => {
    const subprocess = execa('sh', ['-c', JOIN, 'sh', ...words], {
      cwd: start.cwd ?? folder,
      env: { ...environment(temporary), KMEM_RUN_TEST: sandbox.id, JOINS: sandbox.joins.join(' '), ...start.env },
      extendEnv: false,
      reject: false,
      encoding: 'buffer',
      stripFinalNewline: false,
      timeout: start.timeout ?? TIMEOUT_MS,
      killSignal: 'SIGKILL',
      ...(start.input === undefined ? { stdin: start.stdin ?? 'ignore' } : { input: start.input }),
      stdout: start.stdout ?? 'pipe',
      stderr: start.stderr ?? 'pipe',
    } as ExecaOptions);
    const ended = subprocess.then((outcome): Ran => {
      const result = jsonFile === null ? null : readResult(jsonFile);
      if (result !== null) ids.push(result.id);
      return {
        status: outcome.exitCode ?? null,
        signal: outcome.signal ?? null,
        stdout: textOf(outcome.stdout),
        stderr: textOf(outcome.stderr),
        result,
      };
    });
    const pid = subprocess.pid;
    if (pid === undefined) throw new Error('sh cannot be started');
    return { pid, ended, signal: (name) => void process.kill(pid, name) };
  };
  const start = (args: readonly string[], options: Start = {}): Running => {
    runs += 1;
    const jsonFile = options.json === false ? null : join(folder, `result-${runs}.json`);
    const report = jsonFile === null ? [] : ['--json', jsonFile];
    return startProgram([...(options.under ?? []), process.execPath, bin, ...report, ...args], options, jsonFile);
  };
  const whatIsLeft = (): string[] => [
    ...[...new Set([sandbox.memory, sandbox.pids, sandbox.unified])].flatMap((directory) => [
      ...nestedGroups(directory)
        .filter((nested) => !sandbox.joins.includes(nested))
        .map((nested) => `cgroup ${nested}`),
      ...[directory, ...nestedGroups(directory)].flatMap(pidsIn).map((pid) => `${directory}: process ${describe(pid)}`),
    ]),
    ...markedProcesses(mark).map((pid) => `process ${describe(pid)}`),
    ...ids.filter((id) => existsSync(lockPath(id))).map((id) => `lock of ${id}`),
    ...readdirSync(temporary).map((name) => `temporary file ${name}`),
    ...readdirSync(folder)
      .filter((name) => name.startsWith('.kmem-run'))
      .map((name) => `file ${name}`),
  ];
  return {
    folder,
    temporary,
    sandbox,
    path: (name) => join(folder, name),
    has: (name) => existsSync(join(folder, name)),
    read: (name) => readFileSync(join(folder, name), 'utf8'),
    run: (args, options) => start(args, options).ended,
    start,
    startProgram: (words, options) => startProgram(words, options),
    assertNothingLeft: () => t.deepEqual(whatIsLeft(), []),
    whatIsLeft,
    processesLeft: async (withinMs) => {
      const deadline = performance.now() + withinMs;
      for (;;) {
        const left = whatIsLeft().filter((what) => what.includes('process '));
        if (left.length === 0 || performance.now() > deadline) return left;
        await sleep(20);
      }
    },
  };
}

/** Sends one signal after another, so that some arrive in each remaining phase of the run. */
export async function signalUntilEnded({ ended, signal }: Running, name: NodeJS.Signals): Promise<Ran> {
  let isOver = false;
  const over = ended.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    try {
      signal(name);
    } catch {
      // Gone by now.
    }
    await sleep(2);
  }
  return over;
}

/** Without what the test runner's own environment (npm, npx, a terminal) would add. */
function environment(temporary: string): Record<string, string> {
  const { PATH = '/usr/bin:/bin', HOME = '/root' } = process.env;
  return { PATH, HOME, TMPDIR: temporary, LANG: 'C.UTF-8' };
}

/** Throws if the result does not match the schema: so every run of every test is checked against it. */
function readResult(file: string): Result | null {
  return existsSync(file) ? validateResult(JSON.parse(readFileSync(file, 'utf8'))) : null;
}

function textOf(output: unknown): string {
  return output === undefined ? '' : Buffer.from(output as Uint8Array).toString('utf8');
}

/** Wherever they moved to: identified by the environment that they inherited. */
function markedProcesses(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => readOrEmpty(`/proc/${pid}/environ`).split('\0').includes(mark));
}

function describe(pid: number): string {
  return `${pid} (${commOf(pid)})`;
}

/** A rejection as users see it: one line of reason, one of hint, nothing else. */
export function assertRefused(t: ExecutionContext, { stderr, stdout }: Ran, reason: RegExp): void {
  t.regex(stderr, /^kmem-run: [^\n]+\n {2}hint: [^\n]+\n$/);
  t.regex(stderr.split('\n')[0] ?? '', reason);
  t.is(stdout, '');
}
