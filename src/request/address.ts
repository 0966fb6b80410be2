/** Names of gated calls: `0.2/17:mmap`, as docs/reference/trace-gate.md tells them, and what `--fail` takes: `0.2/17:mmap+`, `0.2/17`. */
import { SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';

export type Address = Readonly<{
  /** The task: the step that it comes from, then for each generation which clone made it: `0.2`, `0.2.t1`. */
  process: string;
  /** Which of its gated calls, from 1; 0: the fork that starts the step, which is ours. */
  index: number;
  /** Null: whichever call is made at that place. */
  syscall: string | null;
  /** This call and all later ones of its process, threads included, as strace's `when=N+`; false: this one alone. */
  persistent: boolean;
}>;

/** The gate keeps no longer ones. */
export const LONGEST_PROCESS = 159;

const HINT = 'copy an address from --trace-gate, such as 0.1/17:mmap; 0.1/17:mmap+ adds all later calls';
const PROCESS = /^(?:0|[1-9][0-9]{0,8})(?:\.t?[1-9][0-9]{0,8})*/;
const INDEX = /^(?:0|[1-9][0-9]{0,8})(?![0-9])/;
const SYSCALL = /^[a-z][a-z0-9_]{0,26}(?![a-z0-9_])/;

/** @throws SetupError `bad-address`, which tells where in the text it stops being one; `name`: of where it was given */
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

/** As parseAddress reads it. */
export function formatAddress({ process, index, syscall, persistent }: Address): string {
  return `${process}/${index}${syscall === null ? '' : `:${syscall}`}${persistent ? '+' : ''}`;
}
