/** Many values in one option: `512K..4M:256K` (steps), `512K..4M*2` (factors), `1M,2M`, and lists of all of these. */

import { SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';
import { pids } from './fields.ts';
import { parseLimit, parseSize, roundToPage } from './size.ts';

const RANGE = /^(.+?)\.\.(.+?)(?:([:*])(.+))?$/;
const FACTOR = /^[0-9]{1,6}(?:\.[0-9]{1,6})?$/;
const FORMS = 'write 512K..4M:256K, 512K..4M*2, or 1M,2M';
const MOST = 10_000;

type Kind = Readonly<{
  /** A single value. */
  value: (text: string, name: string) => number;
  /** An end of a range or a step: not rounded. */
  exact: (text: string, name: string) => number;
  rounded: (value: number) => number;
}>;

const limits: Kind = {
  value: (text, name) => parseLimit(text, { name }),
  exact: (text, name) => parseSize(text, { name }),
  rounded: roundToPage,
};

const counts: Kind = { value: pids, exact: pids, rounded: (value) => value };

/** Limits in bytes, rounded down to the page, ascending, each once. @throws SetupError `bad-range`, `bad-size`. */
export function parseLimits(text: string, { name }: { name: string }): number[] {
  return parseValues(text, name, limits);
}

/** Numbers of processes, ascending, each once. @throws SetupError `bad-range`, `bad-pids`. */
export function parseCounts(text: string, { name }: { name: string }): number[] {
  return parseValues(text, name, counts);
}

/** `5.10,host`: names in the order given. @throws SetupError `bad-range`. */
export function parseNames(text: string, { name }: { name: string }): string[] {
  const names = text.split(',').map((part) => part.trim());
  if (names.some((one) => one === '' || one.includes('\0')))
    throw badRange(`${name}: ${quote(text)} has an empty part`);
  const twice = names.find((one, index) => names.indexOf(one) !== index);
  if (twice !== undefined) throw badRange(`${name}: ${quote(twice)} is named twice`, 'name each once');
  return names;
}

function parseValues(text: string, name: string, kind: Kind): number[] {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    for (const value of parsePart(part.trim(), name, kind)) values.add(value);
    if (values.size > MOST) throw tooMany(text, name);
  }
  return [...values].sort((a, b) => a - b);
}

function parsePart(part: string, name: string, kind: Kind): number[] {
  const match = RANGE.exec(part);
  if (match === null) return [kind.value(part, name)];
  const [, from = '', to = '', sign, by = ''] = match;
  // Rejects an end that is itself too small or too large.
  for (const end of [from, to]) kind.value(end.trim(), name);
  const [first, last] = [kind.exact(from.trim(), name), kind.exact(to.trim(), name)];
  if (first > last) throw badRange(`${name}: ${quote(part)} is in descending order`, 'put the smaller end first');
  if (sign === undefined) throw badRange(`${name}: ${quote(part)} has no step`, 'use 512K..4M:256K or 512K..4M*2');
  const steps =
    sign === ':' ? byStep(first, last, stepOf(by, part, name, kind)) : byFactor(first, last, factorOf(by, part, name));
  if (steps === null) throw tooMany(part, name);
  return steps.map(kind.rounded);
}

function byStep(first: number, last: number, step: number): number[] | null {
  const more = Math.floor((last - first) / step);
  return more >= MOST ? null : Array.from({ length: more + 1 }, (_, index) => first + index * step);
}

function byFactor(first: number, last: number, factor: number): number[] | null {
  const values: number[] = [];
  for (let value = first; value <= last; value = Math.floor(first * factor ** values.length)) {
    values.push(value);
    if (values.length > MOST) return null;
  }
  return values;
}

function stepOf(text: string, part: string, name: string, kind: Kind): number {
  const step = kind.exact(text.trim(), name);
  if (step > 0) return step;
  throw badRange(`${name}: ${quote(part)} has a step of 0`);
}

function factorOf(text: string, part: string, name: string): number {
  const factor = FACTOR.test(text.trim()) ? Number(text) : Number.NaN;
  if (factor > 1) return factor;
  throw badRange(`${name}: ${quote(part)}: ${quote(text)} is not a factor`, 'use a number above 1, such as 2 or 1.5');
}

function tooMany(text: string, name: string): SetupError {
  return badRange(`${name}: ${quote(text)} has more than ${MOST} values`, 'take larger steps');
}

function badRange(message: string, hint: string = FORMS): SetupError {
  return new SetupError('bad-range', message, hint);
}
