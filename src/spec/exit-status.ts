import { constants } from 'node:os';

/** How a process ended: one of the two is null, both where it is not known. */
export type Exit = Readonly<{ code: number | null; signal: string | null }>;

/** The status as a shell gives it: the code, or 128+n for death of signal n; null where neither is known. */
export function exitStatus(exit: Exit): number | null {
  if (exit.code !== null) return exit.code;
  const number = exit.signal === null ? null : signalNumber(exit.signal);
  return number === null ? null : 128 + number;
}

/** `SIGSEGV` → 11, also `SIGRTMIN+3` as Linux numbers them for programs (signal(7)); null if there is no such signal. */
export function signalNumber(name: string): number | null {
  const realTime = /^SIGRTMIN(?:\+([0-9]{1,2}))?$/.exec(name);
  if (realTime) return 34 + Number(realTime[1] ?? 0);
  const numbers: Record<string, number | undefined> = constants.signals;
  return Object.hasOwn(numbers, name) ? (numbers[name] ?? null) : null;
}
