/** Each result that a test reads has to match the schema, which kmem-run itself does not check before it writes. */

import { z } from 'zod';
import { type Result, resultSchema } from '../src/result/schema.ts';

const SHOWN_ISSUES = 3;

/** @throws Error that names the first keys that do not match. */
export function validateResult(result: unknown): Result {
  const { success, error } = resultSchema.safeParse(result);
  if (success) return result as Result;
  const shown = error.issues.slice(0, SHOWN_ISSUES).map(({ path, message }) => `${z.core.toDotPath(path)}: ${message}`);
  throw new Error(`the result does not match its schema (${shown.join('; ')}; ${error.issues.length} in all)`);
}
