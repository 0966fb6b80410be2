/** SQLite's errors, worded so that users can act on them. */

import { accessSync, constants } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';

/** The lower byte of an extended result code (sqlite.org/rescode.html). */
const codes = {
  5: 'busy',
  6: 'busy',
  8: 'readOnly',
  10: 'io',
  11: 'damaged',
  13: 'full',
  14: 'notOpened',
  26: 'damaged',
} as const;

export type Trouble = (typeof codes)[keyof typeof codes] | 'other';

type Words = Readonly<{ code: string; reason: string; hint: (file: string) => string }>;

const ANOTHER = 'name another file: --store FILE';

const words: Readonly<Record<Trouble, Words>> = {
  busy: {
    code: 'store-busy',
    reason: 'another program has held it locked for too long',
    hint: (file) => `find that program with fuser ${quote(file)}; then try again, or ${ANOTHER}`,
  },
  readOnly: { code: 'store-read-only', reason: 'it cannot be written', hint: () => `make it writable, or ${ANOTHER}` },
  io: {
    code: 'store-io',
    reason: 'the file system failed to read or write it',
    hint: () => `check that its disk works and is not full, or ${ANOTHER}`,
  },
  damaged: {
    code: 'store-damaged',
    reason: 'it is damaged or not a store',
    hint: (file) => `name another file (--store FILE), or move ${quote(file)} away to start a new one`,
  },
  full: {
    code: 'store-full',
    reason: 'no space is left on its disk',
    hint: () => `free some space there, or name a file on another disk: --store FILE`,
  },
  notOpened: {
    code: 'store-not-opened',
    reason: 'it cannot be opened',
    hint: () => `check that its folder exists and that you may read and write in it, or ${ANOTHER}`,
  },
  other: {
    code: 'store-failed',
    reason: 'SQLite failed',
    hint: () => `${ANOTHER}; if the other file fails too, please report the error`,
  },
};

/** The kind of trouble that a thrown value reports; null if it does not come from SQLite. */
export function troubleOf(error: unknown): Trouble | null {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  // Node.js cannot read an integer above 2^53, and kmem-run never writes one.
  if (code === 'ERR_OUT_OF_RANGE') return 'damaged';
  if (code !== 'ERR_SQLITE_ERROR' || typeof errcode !== 'number') return null;
  return codes[(errcode & 0xff) as keyof typeof codes] ?? 'other';
}

/** Runs `work`, and turns what SQLite throws into a SetupError about the store in `file`. */
export function withStoreErrors<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const trouble = troubleOf(error);
    throw trouble === null ? error : storeError(file, trouble, error);
  }
}

function storeError(file: string, trouble: Trouble, error: unknown): SetupError {
  const { code, reason, hint } = words[trouble === 'notOpened' && isReadOnly(file) ? 'readOnly' : trouble];
  const detail = (error as Error).message;
  const message = `the store ${quote(file)} cannot be used: ${reason} (${detail})`;
  return new SetupError(code, message, hint(file), { cause: error });
}

/** In WAL mode SQLite cannot even start reading a file that it may not write. */
function isReadOnly(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return false;
  } catch (error) {
    return errnoOf(error) !== 'ENOENT';
  }
}

export function damaged(file: string, what: string): SetupError {
  const { code, hint } = words.damaged;
  return new SetupError(code, `the store ${quote(file)} is damaged: ${what}`, hint(file));
}
