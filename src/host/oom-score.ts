import { writeFileSync } from 'node:fs';
import { errnoOf } from '../errors.ts';

/** What a command gets whose runner and helper are protected from the OOM killer: as if nobody were. */
export const COMMAND_OOM_SCORE = 0;

/**
 * Keeps the OOM killer off this process, so that a guest which runs out of memory loses what it measures and not who
 * tells. What it starts inherits that, unless it is told otherwise.
 */
export function protectRunner(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '-1000');
  } catch (error) {
    // Not root, or no /proc: then it runs unprotected, as on the host.
    if (errnoOf(error) === null) throw error;
  }
}
