import { constants } from 'node:os';

/** How a process ended: one of the two is null, or both if it is not known. */
export type Exit = Readonly<{ code: number | null; signal: string | null }>;

/** Signals by which a user, a terminal or a service manager stops a program. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** As programs see it: the C library reserves 32 and 33 for itself (signal(7)). */
const SIGRTMIN = 34;

/** The status as a shell reports it: the code, or 128+n for death by signal n; null if neither is known. */
export function exitStatus(exit: Exit): number | null {
  if (exit.code !== null) return exit.code;
  const number = exit.signal === null ? null : signalNumber(exit.signal);
  return number === null ? null : 128 + number;
}

/**
 * 11 → `SIGSEGV`, 37 → `SIGRTMIN+3`; a signal without a name, such as the two that the C library uses for threads, is
 * `SIG32`.
 */
export function signalName(number: number): string {
  const named = Object.entries(constants.signals).find(([, known]) => known === number)?.[0];
  if (named !== undefined) return named;
  if (number < SIGRTMIN) return `SIG${number}`;
  return number === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${number - SIGRTMIN}`;
}

/** `SIGSEGV` → 11, also `SIGRTMIN+3` as Linux numbers them for programs (signal(7)); null if there is no such signal. */
export function signalNumber(name: string): number | null {
  const realTime = /^SIGRTMIN(?:\+([0-9]{1,2}))?$/.exec(name);
  if (realTime) return SIGRTMIN + Number(realTime[1] ?? 0);
  const nameless = /^SIG([0-9]{1,2})$/.exec(name);
  if (nameless) return Number(nameless[1]);
  const numbers: Record<string, number | undefined> = constants.signals;
  return Object.hasOwn(numbers, name) ? (numbers[name] ?? null) : null;
}
