import { writeFileSync } from 'node:fs';
import { errnoOf } from '../errors.ts';

/** The value for a command whose runner and helper are protected from the OOM killer: as if nothing were. */
export const COMMAND_OOM_SCORE = 0;

/**
 * Protects this process from the OOM killer, so that a guest that runs out of memory loses what it measures and not the
 * reporter. Child processes inherit this, unless configured otherwise.
 */
export function protectRunner(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '-1000');
  } catch (error) {
    // Not root, or no /proc: then it runs unprotected, as on the host.
    if (errnoOf(error) === null) throw error;
  }
}
