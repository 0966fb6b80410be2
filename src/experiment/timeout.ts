/** A program at its limit may hang: where no --timeout was given, an experiment sets one by what it has seen. */

const TIMES = 20;
const AT_LEAST_MS = 30_000;
const AT_MOST_MS = 3_600_000;

/** Milliseconds, for runs of a program that took `wallMs` when nothing was in its way. */
export function patienceFor(wallMs: number): number {
  return Math.min(AT_MOST_MS, Math.max(AT_LEAST_MS, Math.ceil((TIMES * wallMs) / 1000) * 1000));
}
