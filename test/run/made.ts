/** Runs a plan in a folder of the test's own. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { PlanInput, StepInput } from '../../src/request/run-input.ts';
import { run } from '../../src/run/index.ts';
import type { RunnerOptions } from '../../src/run/options.ts';
import { lenient } from '../needs.ts';
import { validateResult } from '../validate-result.ts';

export async function made(
  t: ExecutionContext,
  plan: readonly StepInput[],
  more: Partial<PlanInput> = {},
  options: RunnerOptions = {},
) {
  const cwd = mkdtempSync(join(tmpdir(), 'kmem-run-test-'));
  t.teardown(() => rmSync(cwd, { recursive: true, force: true }));
  const result = await run(
    { plan, cwd, output: { file: join(cwd, 'output') }, timeout: lenient(50), ...more },
    options,
  );
  return { cwd, result: validateResult(result), output: readFileSync(join(cwd, 'output'), 'utf8') };
}
