/** One run of a scenario: a private folder and free ports → setup → the run → cleanup. */

import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asSetupError } from '../errors.ts';
import { makeFolder, removeFolder } from '../host/temporary.ts';
import { normaliseSpec } from '../request/normalise.ts';
import { HOST } from '../request/run-spec.ts';
import { headline } from '../result/headline.ts';
import { wasMeant } from '../result/passes.ts';
import type { Result } from '../result/schema.ts';
import { runSpec } from '../run/index.ts';
import type { Guests } from '../vm/guests.ts';
import { inputFor } from './input.ts';
import type { Manner, Scenario } from './types.ts';

export type ScenarioAttempt = Readonly<{
  status: 'passed' | 'failed' | 'error';
  /** Why it did not pass, one line each. */
  reasons: readonly string[];
  /** Null if no run was started. */
  result: Result | null;
  /** The end of the steps' output, if it did not pass. */
  output: string;
  durationMs: number;
  /** The folder of its files, if they were kept. */
  folder: string | null;
}>;

export type AttemptOptions = Readonly<{
  kernel: string;
  /** CPUs that it is bound to unless the scenario names some; null: none. */
  cpus: readonly number[] | null;
  keepDir: boolean;
  manner: Manner;
  /** Where microVMs are kept between runs; absent: each run boots one. */
  guests?: Guests | undefined;
  signal: AbortSignal;
  kill: AbortSignal;
}>;

const SHOWN_BYTES = 4096;

/** Never rejects: if kmem-run itself fails, the attempt has status `error`. */
export async function attemptScenario(scenario: Scenario, options: AttemptOptions): Promise<ScenarioAttempt> {
  const began = performance.now();
  let base: string | null = null;
  let dir = '';
  let output = '';
  let attempt: Omit<ScenarioAttempt, 'durationMs' | 'folder' | 'output'>;
  try {
    // The log is beside the folder, where nobody else can create a link. A server that drops root must be able to reach
    // it.
    base = makeFolder(0o711, { keeps: options.keepDir });
    dir = join(base, 'run');
    mkdirSync(dir);
    chmodSync(dir, 0o755);
    const log = `${dir}.log`;
    attempt = await conduct(scenario, options, { dir, log }).finally(() => {
      output = tailOf(log);
    });
  } catch (error) {
    const { message, hint, result } = asSetupError(error);
    attempt = { status: 'error', reasons: [message, `hint: ${hint}`], result: (result as Result) ?? null };
  }
  const durationMs = performance.now() - began;
  if (base !== null && !options.keepDir) removeFolder(base);
  const folder = base !== null && options.keepDir ? dir : null;
  return { ...attempt, output: attempt.status === 'passed' ? '' : output, durationMs, folder };
}

async function conduct(
  scenario: Scenario,
  { kernel, cpus, manner, guests, signal, kill }: AttemptOptions,
  { dir, log }: Readonly<{ dir: string; log: string }>,
): Promise<Omit<ScenarioAttempt, 'durationMs' | 'folder' | 'output'>> {
  const input = inputFor(scenario, kernel, manner);
  const bound = input.cpus ?? (kernel === HOST ? cpus : null);
  const spec = normaliseSpec({ ...input, cpus: bound, output: { file: log } });
  const result = await runSpec(spec, { signal, kill, guests, stdin: 'null', place: { dir, ports: new Map() } });
  return { ...verdictOf(result), result };
}

function tailOf(log: string): string {
  return existsSync(log) ? readFileSync(log).subarray(-SHOWN_BYTES).toString() : '';
}

/** Whether a run of a scenario met its expectations, and if not, why: a line for each expectation that failed. */
export function verdictOf(result: Result): Pick<ScenarioAttempt, 'status' | 'reasons'> {
  if (result.outcome === 'passed' || wasMeant(result)) return { status: 'passed', reasons: [] };
  const failed = result.expectations.filter(({ passed }) => !passed);
  const reasons = [
    headline(result),
    ...failed.map((each) => `${placeOf(result, each.step)}${each.expr}: it is ${shown(each.actual)}`),
  ];
  const errors = result.steps.flatMap(({ error }, index) =>
    error === null ? [] : [`${placeOf(result, index)}${error}`],
  );
  const status = result.outcome === 'setup-error' || result.outcome === 'interrupted' ? 'error' : 'failed';
  return { status, reasons: [...reasons, ...errors] };
}

/** `stop: `, or `step 2: `. */
function placeOf({ steps }: Result, index: number | null): string {
  if (index === null) return '';
  return `${steps[index]?.name ?? `step ${index}`}: `;
}

function shown(actual: string | number | boolean | null): string {
  if (actual === null) return 'not known';
  return typeof actual === 'string' ? JSON.stringify(actual) : String(actual);
}
