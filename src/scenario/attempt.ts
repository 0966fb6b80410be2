/** One run of a scenario: a private folder and free ports → set-up → the run → clean-up. */

import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { asSetupError, errnoOf, SetupError } from '../errors.ts';
import { commandEnvironment } from '../launch/environment.ts';
import type { Result } from '../result/schema.ts';
import { runSpec } from '../run.ts';
import { normaliseSpec } from '../spec/normalise.ts';
import { folderOf } from './load.ts';
import { fill, portNames, type Values } from './placeholders.ts';
import { freePort, givePortsBack } from './ports.ts';
import { inputFor } from './prepare-input.ts';
import type { Scenario } from './types.ts';
import { verdictOf } from './verdict.ts';

export type Attempt = Readonly<{
  status: 'passed' | 'failed' | 'error';
  /** Why it did not pass, a line each. */
  reasons: readonly string[];
  /** Null: it did not come to a run. */
  result: Result | null;
  /** The end of what the steps wrote, where it did not pass. */
  output: string;
  durationMs: number;
  /** Where its files are, if they were kept. */
  folder: string | null;
}>;

export type AttemptOptions = Readonly<{
  kernel: string;
  /** CPUs that it is bound to, where the scenario names none; null: none. */
  cpus: readonly number[] | null;
  keepDir: boolean;
  signal: AbortSignal;
  hurry: AbortSignal;
}>;

const SET_UP_MS = 120_000;
const SHOWN_BYTES = 4096;

/** Rejects never: what kmem-run could not do is an attempt with status `error`. */
export async function attemptScenario(scenario: Scenario, options: AttemptOptions): Promise<Attempt> {
  const began = performance.now();
  const made: Made = { dir: null, ports: new Map(), log: null };
  let attempt: Omit<Attempt, 'durationMs' | 'folder' | 'output'>;
  try {
    attempt = await conduct(scenario, options, made);
  } catch (error) {
    const { message, hint, result } = asSetupError(error);
    attempt = { status: 'error', reasons: [message, `hint: ${hint}`], result: (result as Result) ?? null };
  }
  const { durationMs, output } = { durationMs: performance.now() - began, output: tailOf(made.log) };
  givePortsBack(made.ports.values());
  const folder = options.keepDir ? made.dir : null;
  if (folder === null) for (const path of [made.dir, made.log]) if (path !== null) removeAll(path);
  return { ...attempt, output: attempt.status === 'passed' ? '' : output, durationMs, folder };
}

type Made = { dir: string | null; readonly ports: Map<string | null, number>; log: string | null };

async function conduct(
  scenario: Scenario,
  options: AttemptOptions,
  made: Made,
): Promise<Omit<Attempt, 'durationMs' | 'folder' | 'output'>> {
  const input = inputFor(scenario, options.kernel);
  const dir = mkdtempSync(join(tmpdir(), 'kmem-scenario-'));
  made.dir = dir;
  made.log = `${dir}.log`;
  // A server that gives up root has to get there.
  chmodSync(dir, 0o755);
  for (const name of portNames([input, scenario.setUp, scenario.cleanUp])) made.ports.set(name, await freePort());
  const values: Values = { dir, here: folderOf(scenario), port: (name) => made.ports.get(name) ?? 0 };
  const asked = fill(input, values);
  const lines = { setUp: fill(scenario.setUp, values), cleanUp: fill(scenario.cleanUp, values) };
  const shell: Shell = { dir, log: made.log, env: commandEnvironment({ env: asked.env ?? {}, clearEnv: false }) };
  try {
    for (const line of lines.setUp) await runLine(line, 'set-up', shell, options.signal);
    const cpus = asked.cpus ?? (options.kernel === 'host' ? options.cpus : null);
    const spec = normaliseSpec({ ...asked, cpus, output: { file: made.log } });
    const result = await runSpec(spec, { signal: options.signal, hurry: options.hurry });
    return { ...verdictOf(result), result };
  } finally {
    // It was interrupted or not: what was set up has to go.
    for (const line of lines.cleanUp) await runLine(line, 'clean-up', shell, null);
  }
}

type Shell = Readonly<{ dir: string; log: string; env: Readonly<Record<string, string>> }>;

/** @throws SetupError `scenario-set-up` */
async function runLine(
  line: string,
  what: string,
  { dir, log, env }: Shell,
  signal: AbortSignal | null,
): Promise<void> {
  const output = openSync(log, 'a');
  try {
    const ended = await execa('sh', ['-e', '-c', line], {
      cwd: dir,
      env,
      extendEnv: false,
      reject: false,
      stdio: ['ignore', output as unknown as 'inherit', output as unknown as 'inherit'],
      timeout: SET_UP_MS,
      ...(signal === null ? {} : { cancelSignal: signal }),
    });
    if (!ended.failed) return;
    if (ended.isCanceled) throw new SetupError('interrupted', `the ${what} was interrupted`, 'run it again');
    const how = ended.timedOut
      ? `took longer than ${SET_UP_MS / 1000} s`
      : `ended with ${ended.exitCode ?? ended.signal}`;
    throw new SetupError(
      'scenario-set-up',
      `the ${what} ${how}`,
      'see what it wrote, and --keep-dir to look at its files',
    );
  } finally {
    closeSync(output);
  }
}

function tailOf(log: string | null): string {
  if (log === null || !existsSync(log)) return '';
  return readFileSync(log).subarray(-SHOWN_BYTES).toString();
}

/** What a microVM's 9p or a server's child still writes may come in between. */
function removeAll(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (errnoOf(error) === null) throw error;
  }
}
