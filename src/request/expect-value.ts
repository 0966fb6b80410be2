/** The right side of an expectation, and its comparison with the value found. */
import { SetupError } from '../errors.ts';
import { matches } from '../host/matches.ts';
import { parseDuration } from './duration.ts';
import { parseSize } from './size.ts';

export const OPERATORS = ['==', '!=', '<=', '>=', '<', '>', '~', '!~'] as const;
export type Operator = (typeof OPERATORS)[number];

export type Operand = string | number | boolean | null | RegExp;

/** The kind of the left side, which decides how a number on the right is read. */
export type ValueUnit = 'text' | 'status' | 'ms' | 'any';

/** Where parsing stopped (offset from the start), and what was expected there. */
export class Unexpected extends Error {
  readonly at: number;
  readonly expected: string;
  constructor(at: number, expected: string) {
    super(expected);
    this.at = at;
    this.expected = expected;
  }
}

const WORDS: Readonly<Record<string, boolean | null>> = { null: null, true: true, false: false };
const NUMBER = /^[+-]?[0-9]+(?:\.[0-9]+)?$/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '\\': '\\', "'": "'", '"': '"' };

/** Reads VALUE (the rest of an expectation). @throws Unexpected. */
export function parseOperand(text: string, operator: Operator, unit: ValueUnit): Operand {
  if (text === '') throw new Unexpected(0, 'a value');
  const operand = read(text, operator, unit);
  const ordering = operator.startsWith('<') || operator.startsWith('>');
  if (ordering && typeof operand !== 'number') throw new Unexpected(0, `a number after "${operator}"`);
  if (unit === 'status' && typeof operand !== 'number' && operand !== null && !operator.endsWith('~')) {
    throw new Unexpected(0, 'a number: the exit status (".signal" has the name of a signal)');
  }
  return operand;
}

function read(text: string, operator: Operator, unit: ValueUnit): Operand {
  if (/^['"]/.test(text)) return quoted(text);
  if (operator.endsWith('~')) return text.startsWith('/') ? regularExpression(text) : bareWord(text);
  if (/^\/.+\/[dgimsuvy]*$/.test(text))
    throw new Unexpected(0, '"~" before a regular expression (or quotes around the string)');
  if (Object.hasOwn(WORDS, text)) return WORDS[text] as boolean | null;
  if (unit === 'text' || !/^[+-]?\.?[0-9]/.test(text)) return bareWord(text);
  return number(text, unit);
}

function number(text: string, unit: ValueUnit): number {
  if (NUMBER.test(text)) return Number(text);
  try {
    return unit === 'ms' ? parseDuration(text) : parseSize(text);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw new Unexpected(
      0,
      `a number${unit === 'ms' ? ' or a duration such as 2s' : ' or a size such as 900K'} (quote it if it is a string)`,
    );
  }
}

function bareWord(text: string): string {
  const odd = /[\s'"=~<>]/.exec(text);
  if (odd) throw new Unexpected(odd.index, 'the end (quote a string that contains spaces or operators)');
  return text;
}

function quoted(text: string): string {
  const quote = text[0];
  let value = '';
  for (let at = 1; at < text.length; at++) {
    const char = text[at] as string;
    if (char === quote) {
      if (at === text.length - 1) return value;
      throw new Unexpected(at + 1, 'the end');
    }
    if (char === '\\') {
      at += 1;
      const escaped = text[at] ?? '';
      if (!Object.hasOwn(ESCAPES, escaped)) throw new Unexpected(at, 'one of n, t, \\, \', " after a backslash');
      value += ESCAPES[escaped];
    } else value += char;
  }
  throw new Unexpected(text.length, `a closing ${quote}`);
}

function regularExpression(text: string): RegExp {
  const end = text.lastIndexOf('/');
  if (end === 0) throw new Unexpected(text.length, 'a closing / (or quotes, to match the string itself)');
  if (end === 1) throw new Unexpected(1, 'a pattern');
  const flags = text.slice(end + 1);
  // g and y make a RegExp remember where it stopped, so repeating a test gives another result.
  if (/[^dimsuv]/.test(flags))
    throw new Unexpected(end + 1, 'flags from i, m, s, u, v (or quotes, to match the string itself)');
  try {
    return new RegExp(text.slice(1, end), flags);
  } catch (error) {
    throw new Unexpected(1, `a regular expression that compiles (${(error as Error).message})`);
  }
}

/**
 * Whether `actual OP operand` holds. Null (unknown) satisfies only `==null`, and an object or array only `!=null`: an
 * expectation that cannot be decided must not pass. Null: a regular expression was undecided.
 */
export function holds(actual: unknown, operator: Operator, operand: Operand): boolean | null {
  if (operand === null && !operator.endsWith('~')) return (actual === null) === (operator === '==');
  if (actual === null || typeof actual === 'object') return false;
  switch (operator) {
    case '==':
      return actual === operand;
    case '!=':
      return actual !== operand;
    case '~':
      return finds(String(actual), operand);
    case '!~':
      return negated(finds(String(actual), operand));
    default:
      return typeof actual === 'number' && typeof operand === 'number' && ordered(actual, operator, operand);
  }
}

function finds(text: string, operand: Operand): boolean | null {
  return operand instanceof RegExp ? matches(operand, text) : text.includes(String(operand));
}

function negated(found: boolean | null): boolean | null {
  return found === null ? null : !found;
}

function ordered(actual: number, operator: '<' | '<=' | '>' | '>=', operand: number): boolean {
  if (operator === '<') return actual < operand;
  if (operator === '<=') return actual <= operand;
  return operator === '>' ? actual > operand : actual >= operand;
}
