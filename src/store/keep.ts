/** One result, kept. */

import { asSetupError, SetupError } from '../errors.ts';
import { type Beside, writeBeside } from '../host/write-beside.ts';
import type { Result } from '../result/schema.ts';
import { escapeControls, quote } from '../text/quote.ts';
import { openStore } from './store.ts';

/** Null if the result was saved; otherwise the reason. Never throws. */
export function keepRun(
  result: Result,
  { store: file, label }: { store: string | null; label: string | null },
): SetupError | null {
  try {
    const store = openStore(file, 'write');
    try {
      store.saveRun({ result, experimentId: null, label });
    } finally {
      store.close();
    }
    return null;
  } catch (error) {
    return asSetupError(error);
  }
}

// No comma and no @: both have a meaning when runs are named. Nothing that a shell or a terminal would interpret.
const LABEL = /^[\p{L}\p{N}][\p{L}\p{N}\p{M}._+:/=-]{0,63}$/u;

/** @throws SetupError `bad-label`. */
export function parseLabel(text: string): string {
  if (LABEL.test(text)) return text;
  throw new SetupError(
    'bad-label',
    `--label: invalid label ${quote(text)}`,
    'use up to 64 letters, digits and . _ + : / = - (starting with a letter or a digit)',
  );
}

export type KeptBeside = Beside & Readonly<{ /** The only copy if `file` is null. */ json: string }>;

/** For a result that could not be written or saved: see writeBeside(). Never throws. */
export function keepBeside(result: Result, reason: SetupError): KeptBeside {
  // Not checked against its schema: a flawed result is better than none.
  const json = `${escapeControls(JSON.stringify(result, null, 2))}\n`;
  return { ...writeBeside(`kmem-run-${result.id}.json`, json, reason, 'not-kept'), json };
}
