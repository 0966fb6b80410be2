/**
 * A result from the store, in the form that the present code expects. Keys are added within a schema version: a result
 * saved earlier lacks them, one saved by a later kmem-run has more. Loads zod.
 */

import { z } from 'zod';
import { SetupError } from '../errors.ts';
import { definitions } from '../result/definition.ts';
import { type Result, resultSchema } from '../result/schema.ts';

z.config({ jitless: true });

/** @throws SetupError `result-unreadable`. */
export function asPresentResult(kept: unknown): Result {
  const { result, flaw } = presentResult(kept);
  if (flaw === null) return result;
  const id = (kept as { id?: unknown } | null)?.id;
  throw new SetupError(
    'result-unreadable',
    `this kmem-run cannot read the result of run ${id} (${flaw})`,
    `print it unchanged: kmem-run show ${id} --json`,
  );
}

type Present = Readonly<{ result: Result; flaw: null } | { result: null; flaw: string }>;

/** The result, or why it is invalid: `steps: Invalid input`. */
export function presentResult(kept: unknown): Present {
  if (resultSchema.safeParse(kept).success) return { result: kept as Result, flaw: null };
  const result = completed(resultSchema, kept);
  const { error } = resultSchema.safeParse(result);
  const [flaw] = (error?.issues ?? []).filter(({ code }) => code !== 'unrecognized_keys');
  if (flaw === undefined) return { result: result as Result, flaw: null };
  return { result: null, flaw: `${z.core.toDotPath(flaw.path) || 'result'}: ${flaw.message}` };
}

/** Adds missing keys: null if allowed, an empty list, or a flag that could not be set at the time. */
function completed(schema: unknown, value: unknown): unknown {
  const whenAbsent = value === undefined ? definitions.get(schema as z.ZodType)?.whenAbsent : undefined;
  if (whenAbsent !== undefined) return whenAbsent;
  if (schema instanceof z.ZodNullable) return value == null ? null : completed(schema.unwrap(), value);
  if (schema instanceof z.ZodBoolean) return value ?? false;
  if (schema instanceof z.ZodArray) {
    return Array.isArray(value) ? value.map((member) => completed(schema.element, member)) : (value ?? []);
  }
  if (!(schema instanceof z.ZodObject) || typeof value !== 'object' || value === null) return value;
  const own = value as Record<string, unknown>;
  const known = Object.entries(schema.shape).map(([key, part]) => [key, completed(part, own[key])]);
  return { ...own, ...Object.fromEntries(known) };
}
