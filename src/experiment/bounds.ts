/** Numeric options of experiments, and their bounds. */

import { SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';
import type { Names } from './plan.ts';
import { SEEDS } from './sweep/points.ts';

const BOUNDS = {
  repeat: [1, 100_000],
  jobs: [1, 1024],
  seed: [0, SEEDS - 1],
  warmup: [0, 1000],
  confirm: [1, 1000],
  limit: [1, 1_000_000],
} as const;

/** A number or its digits. @throws SetupError `bad-option`. */
export function numberFor(key: keyof typeof BOUNDS, given: unknown, nameOf: Names): number {
  const [from, to] = BOUNDS[key];
  return wholeNumber(nameOf(key), given, { from, to });
}

/** The same, for a number with its own bounds. */
export function wholeNumber(
  name: string,
  given: unknown,
  { from, to }: Readonly<{ from: number; to: number }>,
): number {
  const value = typeof given === 'string' && /^[0-9]{1,12}$/.test(given) ? Number(given) : given;
  if (typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to) return value;
  throw new SetupError(
    'bad-option',
    `${name}: ${quote(String(given))} is not a number from ${from} to ${to}`,
    `use a whole number from ${from} to ${to}`,
  );
}

/** @throws SetupError `bad-option`. */
export function preparation(given: unknown, nameOf: Names): string {
  if (typeof given === 'string' && given !== '' && !given.includes('\0')) return given;
  throw new SetupError(
    'bad-option',
    `${nameOf('prepare')} requires a command`,
    'use a command line for sh -c, or leave it out',
  );
}

type TimeoutBounds = Readonly<{ atLeastMs: number; atMostMs: number }>;

/** A program at its limit may hang: without --timeout, an experiment sets one from what it has observed. */
const AT_A_LIMIT: TimeoutBounds = { atLeastMs: 30_000, atMostMs: 3_600_000 };
/** With hundreds of calls to try, half a minute for each that hangs would take hours. */
export const WITH_A_FAILURE: TimeoutBounds = { atLeastMs: 5000, atMostMs: 600_000 };

const TIMES = 20;

/** Milliseconds (whole seconds) for runs of a program that took `wallMs` undisturbed; `wallMs` null: not known. */
export function timeoutFor(wallMs: number | null, { atLeastMs, atMostMs }: TimeoutBounds = AT_A_LIMIT): number {
  return Math.min(atMostMs, Math.max(atLeastMs, Math.ceil((TIMES * (wallMs ?? 0)) / 1000) * 1000));
}
