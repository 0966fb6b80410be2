import { SetupError } from '../errors.ts';
import { pageSize } from '../host/page-size.ts';
import { groupDigits } from '../text/figures.ts';
import { quote } from '../text/quote.ts';

export { formatSize, groupDigits } from '../text/figures.ts';

/** Bytes, or a string such as `900K`, `2.5M`, `1 GiB`. */
export type Size = number | string;

const SIZE = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?(?: ?(?:([kmgt])(?:i?b)?|b))?$/i;
const POWERS = { '': 0, k: 1, m: 2, g: 3, t: 4 } as const;
const FORMS = 'use bytes, or a number with K, M, G or T (powers of 1024), such as 900K or 2.5M';

/**
 * Bytes, neither rounded nor bounded below. K, M, G, T and their spellings with B or iB are powers of 1024, as in the
 * kernel's memparse(); its octal and hexadecimal forms are rejected, because they surprise more than they help.
 * @throws SetupError `bad-size`.
 */
export function parseSize(text: Size, { name = 'size' }: { name?: string } = {}): number {
  const bytes = typeof text === 'number' ? wholeNumber(text, name) : spelledSize(text, name);
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw badSize(
      `${name}: ${quote(text)} is more than ${groupDigits(Number.MAX_SAFE_INTEGER)} bytes`,
      'use less, or leave it out for no limit',
    );
  }
  return Number(bytes);
}

/**
 * A limit in bytes as the kernel stores it: a size rounded down to the page, at least one page. @throws SetupError
 * `bad-size`.
 */
export function parseLimit(text: Size, { name = 'limit' }: { name?: string } = {}): number {
  const bytes = roundToPage(parseSize(text, { name }));
  if (bytes === 0) {
    throw badSize(
      `${name}: ${quote(text)} is below one page (${groupDigits(pageSize())} bytes), the smallest limit that the kernel keeps`,
      `use at least ${pageSize()}, or leave it out for no limit`,
    );
  }
  return bytes;
}

/** Rounds down to a multiple of the page, as the kernel's page_counter_memparse() does. */
export function roundToPage(bytes: number): number {
  return bytes - (bytes % pageSize());
}

function wholeNumber(value: number, name: string): bigint {
  if (Number.isInteger(value) && value >= 0) return BigInt(value);
  throw badSize(`${name}: ${value} is not a whole number of bytes`, FORMS);
}

function spelledSize(text: unknown, name: string): bigint {
  // A bound on the length keeps the exact arithmetic below cheap for any input.
  const match = typeof text === 'string' && text.length <= 64 ? SIZE.exec(text) : null;
  if (match === null) throw badSize(`${name}: ${quote(text)} is not a size`, FORMS);
  const [, whole = '', fraction = '', suffix = ''] = match;
  const scaled = BigInt(whole + fraction) * 1024n ** BigInt(POWERS[suffix.toLowerCase() as keyof typeof POWERS]);
  const divisor = 10n ** BigInt(fraction.length);
  if (scaled % divisor !== 0n) {
    throw badSize(
      `${name}: ${quote(text)} is not a whole number of bytes`,
      `use whole bytes, such as ${scaled / divisor + 1n}`,
    );
  }
  return scaled / divisor;
}

function badSize(message: string, hint: string): SetupError {
  return new SetupError('bad-size', message, hint);
}
