/** The result as JSON. Loads zod: import it lazily, after the command has run. */

import type { Result } from '../result/schema.ts';
import { validateResult } from '../result/validate.ts';
import { escapeControls } from '../spec/quote.ts';
import { writeReport } from './file.ts';

/** Ends in a line end. Throws SetupError `invalid-result` if the result does not match its schema: an internal error. */
export function jsonReport(result: Result): string {
  return `${escapeControls(JSON.stringify(validateResult(result), null, 2))}\n`;
}

/** Writes the result to a file, or to stdout for `-`. Throws SetupError `json-not-written`, `invalid-result`. */
export async function writeJson(path: string, result: Result): Promise<void> {
  await writeReport(path, jsonReport(result));
}
