import { SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';

/** Milliseconds as a number, or a string such as `500ms`, `1.5s`, `2m`; a bare number in a string is seconds. */
export type Duration = number | string;

const DURATION = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?(?: ?(ms|s|m|h|d))?$/;
const UNIT_MS = { ms: 1n, s: 1000n, m: 60_000n, h: 3_600_000n, d: 86_400_000n } as const;
const FORMS = 'use a number with ms, s, m, h or d, such as 500ms or 1.5s (a bare number is seconds)';
// setTimeout() takes a signed 32-bit number; with anything longer it fires at once.
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Whole milliseconds. In a string, a bare number is seconds, as in timeout(1); a number value is milliseconds.
 * @throws SetupError `bad-duration`, also for what a timer cannot wait (over 24.8 days).
 */
export function parseDuration(text: Duration, { name = 'duration' }: { name?: string } = {}): number {
  const ms = typeof text === 'number' ? wholeNumber(text, name) : spelledDuration(text, name);
  if (ms > LONGEST_MS) throw badDuration(`${name}: ${quote(text)} is more than 24.8 days`, 'use less, or leave it out');
  return Number(ms);
}

function wholeNumber(value: number, name: string): bigint {
  if (Number.isInteger(value) && value >= 0) return BigInt(value);
  throw badDuration(`${name}: ${value} is not a whole number of milliseconds`, FORMS);
}

function spelledDuration(text: unknown, name: string): bigint {
  const match = typeof text === 'string' && text.length <= 64 ? DURATION.exec(text) : null;
  if (match === null) throw badDuration(`${name}: ${quote(text)} is not a duration`, FORMS);
  const [, whole = '', fraction = '', unit = 's'] = match;
  const scaled = BigInt(whole + fraction) * UNIT_MS[unit as keyof typeof UNIT_MS];
  const divisor = 10n ** BigInt(fraction.length);
  if (scaled % divisor !== 0n) {
    throw badDuration(
      `${name}: ${quote(text)} is not a whole number of milliseconds`,
      `use ${scaled / divisor + 1n}ms, or another whole number of them`,
    );
  }
  return scaled / divisor;
}

function badDuration(message: string, hint: string): SetupError {
  return new SetupError('bad-duration', message, hint);
}
