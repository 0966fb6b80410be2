/** Reads a report of scenarios from an untrusted file. Loads zod. */

import { z } from 'zod';
import { SetupError } from '../errors.ts';
import type { InputError } from '../host/read-input.ts';
import { presentResult } from '../store/read-result.ts';
import { quote } from '../text/quote.ts';
import type { ScenariosReport } from './report.ts';

z.config({ jitless: true });

const spread = z.object({ runs: z.number(), min: z.number(), median: z.number(), max: z.number() });
const figures = z.union([spread, z.record(z.string(), z.number())]);
const lines = z.array(z.string());

const baseline = z.object({
  file: z.string(),
  state: z.enum(['compared', 'missing', 'new', 'changed', 'kept', 'not-written']),
  changes: z.array(
    z.object({
      key: z.enum(['kmem', 'failcnt', 'mem', 'kmemTcp', 'outcome', 'ends', 'firstFailing']),
      verdict: z.enum(['worse', 'better', 'other']),
      before: figures,
      now: figures,
      text: z.string(),
    }),
  ),
  warnings: lines,
});

const scenario = z.object({
  name: z.string(),
  file: z.string(),
  kernel: z.string(),
  tags: lines,
  title: z.string(),
  status: z.enum(['passed', 'failed', 'error', 'skipped']),
  flaky: z.boolean(),
  reasons: lines,
  notes: lines,
  baseline: baseline.nullable(),
  output: z.string(),
  attempts: z.int().nonnegative(),
  durationMs: z.number(),
  folders: lines,
  results: z.array(z.unknown()),
});

const part = z.int().min(1).max(1_000_000);
const schema = z.object({
  kind: z.literal('scenarios'),
  schemaVersion: z.literal(1),
  kmemRun: z.string(),
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  status: z.enum(['done', 'stopped']),
  shard: z
    .object({ index: part, of: part })
    .refine(({ index, of }) => index <= of)
    .nullable(),
  scenarios: z.array(scenario),
});

/** Keys unknown to this version are dropped. @throws SetupError with that code */
export function readScenarios(file: string, content: unknown, { code, hint }: InputError): ScenariosReport {
  const refuse = (flaw: string): never => {
    throw new SetupError(code, `${quote(file)} is not a report of scenarios: ${flaw}`, hint);
  };
  const parsed = schema.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse(`${z.core.toDotPath(issue?.path ?? []) || 'the file'}: ${issue?.message}`);
  }
  const scenarios = parsed.data.scenarios.map((each, index) => ({
    ...each,
    results: each.results.map((kept) => {
      const { result, flaw } = presentResult(kept);
      return result ?? refuse(`scenarios[${index}].results: ${flaw}`);
    }),
  }));
  return { ...parsed.data, scenarios };
}
