/** How long a run may take in which a call fails, by what it takes undisturbed. */

const TIMES = 20;
/** Where hundreds of calls are tried, half a minute for each that hangs would be hours. */
const AT_LEAST_MS = 5000;
const AT_MOST_MS = 600_000;

/** Milliseconds, whole seconds. `wallMs` null: not known. */
export function patienceFor(wallMs: number | null): number {
  return Math.min(AT_MOST_MS, Math.max(AT_LEAST_MS, Math.ceil((TIMES * (wallMs ?? 0)) / 1000) * 1000));
}
