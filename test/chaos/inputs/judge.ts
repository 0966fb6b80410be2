/** How a command must answer a damaged input. */

import { STACK_TRACE } from '../judge.ts';
import type { Input } from './cases.ts';

/** `status`: null if it did not end or was killed. */
export type Answer = Readonly<{ status: number | null; stdout: string; stderr: string }>;

const CANNOT = 125;
/** Text of an error that nobody foresaw. */
const UNFORESEEN =
  /TypeError|RangeError|ReferenceError|SyntaxError|Cannot read prop|is not a function|is not iterable|internal error|\[object Object\]|(?<!received )\bundefined\b|ERR_[A-Z_]+/;
/** Except line endings. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)/;
/** These change how a line is read. */
const MISLEADING = /[\u202a-\u202e\u2066-\u2069\u2028\u2029]/;
const LONGEST = 6000;

export function judgeAnswer({ statuses, several }: Input, { status, stdout, stderr }: Answer): readonly string[] {
  // compare prints on stdout that it cannot decide.
  const isRefused = status === CANNOT && stderr !== '' && !several;
  const hints = stderr.match(/^\s*hint: /gm)?.length ?? 0;
  const reasons = stderr.match(/^kmem-run: /gm)?.length ?? 0;
  const unforeseen = UNFORESEEN.exec(stderr)?.[0];
  return [
    ...(status === null || !statuses.includes(status) ? [`status ${status}, not ${statuses.join(', ')}`] : []),
    ...(STACK_TRACE.test(stderr) ? ['a stack trace'] : []),
    ...(unforeseen === undefined ? [] : [`"${unforeseen}" on stderr`]),
    ...(status === CANNOT && stderr === '' && stdout === '' ? ['no reason'] : []),
    ...(isRefused && hints !== 1 ? [`${hints} hints`] : []),
    ...(isRefused && reasons > 1 ? [`${reasons} reasons`] : []),
    ...(stderr.length > LONGEST ? [`${stderr.length} characters on stderr`] : []),
    ...(CONTROL.test(stderr) || MISLEADING.test(stderr) ? ['control characters on stderr'] : []),
    ...(CONTROL.test(stdout) ? ['control characters on stdout'] : []),
  ];
}
