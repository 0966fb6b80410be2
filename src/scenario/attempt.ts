/** One run of a scenario: a private folder and free ports → set-up → the run → clean-up. */

import { chmodSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asSetupError } from '../errors.ts';
import { removeFolder } from '../launch/workdir.ts';
import type { Result } from '../result/schema.ts';
import { runSpec } from '../run.ts';
import { normaliseSpec } from '../spec/normalise.ts';
import { inputFor } from './prepare-input.ts';
import { HOST, type Scenario } from './types.ts';
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

const SHOWN_BYTES = 4096;

/** Rejects never: what kmem-run could not do is an attempt with status `error`. */
export async function attemptScenario(scenario: Scenario, options: AttemptOptions): Promise<Attempt> {
  const began = performance.now();
  const dir = mkdtempSync(join(tmpdir(), 'kmem-scenario-'));
  const log = `${dir}.log`;
  let attempt: Omit<Attempt, 'durationMs' | 'folder' | 'output'>;
  try {
    // A server that gives up root has to get there.
    chmodSync(dir, 0o755);
    attempt = await conduct(scenario, options, { dir, log });
  } catch (error) {
    const { message, hint, result } = asSetupError(error);
    attempt = { status: 'error', reasons: [message, `hint: ${hint}`], result: (result as Result) ?? null };
  }
  const { durationMs, output } = { durationMs: performance.now() - began, output: tailOf(log) };
  if (!options.keepDir) for (const path of [dir, log]) removeFolder(path);
  const folder = options.keepDir ? dir : null;
  return { ...attempt, output: attempt.status === 'passed' ? '' : output, durationMs, folder };
}

async function conduct(
  scenario: Scenario,
  { kernel, cpus, signal, hurry }: AttemptOptions,
  { dir, log }: Readonly<{ dir: string; log: string }>,
): Promise<Omit<Attempt, 'durationMs' | 'folder' | 'output'>> {
  const input = inputFor(scenario, kernel);
  const bound = input.cpus ?? (kernel === HOST ? cpus : null);
  const spec = normaliseSpec({ ...input, cpus: bound, output: { file: log } });
  const result = await runSpec(spec, { signal, hurry, place: { dir, ports: new Map() } });
  return { ...verdictOf(result), result };
}

function tailOf(log: string): string {
  return existsSync(log) ? readFileSync(log).subarray(-SHOWN_BYTES).toString() : '';
}
