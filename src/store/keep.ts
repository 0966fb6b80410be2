/** One result, kept. */

import { asSetupError, type SetupError } from '../errors.ts';
import type { Result } from '../result/schema.ts';
import { openStore } from './store.ts';

export { keepBeside } from './beside.ts';

/** Null when it is in the store; else why it is not. Never throws. */
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
