/**
 * Names of gated calls: `0.2/17:mmap`, as in docs/reference/trace-gate.md, and what `--fail` accepts: `0.2/17:mmap+`,
 * `0.2/17`.
 */
import { SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';

export type Address = Readonly<{
  /** The task: its step, then for each generation the clone that created it: `0.2`, `0.2.t1`. */
  process: string;
  /** Number of the gated call in it, from 1; 0: our own fork, which starts the step. */
  index: number;
  /** Null: any call at that position. */
  syscall: string | null;
  /** This call and all later ones of its process, threads included, like strace's `when=N+`; false: this one alone. */
  persistent: boolean;
}>;

/** The longest that the gate stores. */
export const LONGEST_PROCESS = 159;

const HINT = 'copy an address from --trace-gate, such as 0.1/17:mmap; 0.1/17:mmap+ adds all later calls';
const PROCESS = /^(?:0|[1-9][0-9]{0,8})(?:\.t?[1-9][0-9]{0,8})*/;
const INDEX = /^(?:0|[1-9][0-9]{0,8})(?![0-9])/;
const SYSCALL = /^[a-z][a-z0-9_]{0,26}(?![a-z0-9_])/;

/** @throws SetupError `bad-address`, which reports where the text becomes invalid; `name`: where it was specified */
export function parseAddress(text: string, { name = 'address' }: { name?: string } = {}): Address {
  let at = 0;
  const fail = (expected: string): never => {
    const where = at >= text.length ? 'at its end' : `${quote(text.slice(at))} (character ${at + 1})`;
    throw new SetupError(
      'bad-address',
      `${name}: ${quote(text)} is not the address of a call: ${where}: expected ${expected}`,
      HINT,
    );
  };
  const take = (pattern: RegExp, expected: string): string => {
    const found = pattern.exec(text.slice(at))?.[0] ?? fail(expected);
    at += found.length;
    return found;
  };
  const process = take(PROCESS, 'a process, such as 0 or 0.2.t1');
  if (process.length > LONGEST_PROCESS) {
    at = LONGEST_PROCESS;
    fail(`a process of at most ${LONGEST_PROCESS} characters`);
  }
  take(/^\//, '"/" and the number of a call');
  const index = Number(take(INDEX, 'the number of a call'));
  const syscall = text[at] === ':' ? take(/^:/, '') && take(SYSCALL, 'the name of a call') : null;
  const persistent = text[at] === '+';
  if (persistent) at += 1;
  if (at < text.length) fail(persistent ? 'the end' : 'the end or "+"');
  return { process, index, syscall, persistent };
}

/** Inverse of parseAddress. */
export function formatAddress({ process, index, syscall, persistent }: Address): string {
  return `${process}/${index}${syscall === null ? '' : `:${syscall}`}${persistent ? '+' : ''}`;
}
