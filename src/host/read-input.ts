/**
 * Files that a user named, checked for their kind and size, so that no FIFO, device or endless file blocks kmem-run.
 */

import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import { fsPath } from '../text/bytes.ts';
import { quote } from '../text/quote.ts';

const MIB = 2 ** 20;
/** The results of a large experiment take some megabytes; V8 holds no string above 512 MiB. */
export const MOST_JSON_BYTES = 256 * MIB;
/** Nothing that kmem-run writes is nested nearly this deep, and code that walks it recurses at each level. */
const MOST_LEVELS = 200;

/** Whether a file of that name exists and is not a folder. Reading it may still fail. */
export function isFile(path: string): boolean {
  if (path === '' || path.includes('\0')) return false;
  try {
    return statSync(fsPath(path), { throwIfNoEntry: false })?.isDirectory() === false;
  } catch {
    return false;
  }
}

/** Why a file cannot be read, as part of a sentence. */
export class Unreadable extends Error {
  /** Null if it was not the kernel that refused. */
  readonly errno: string | null;

  constructor(reason: string, errno: string | null = null) {
    super(reason);
    this.errno = errno;
  }
}

/** The content of a regular file, at most `mostBytes`. @throws Unreadable */
export function readBounded(file: string, mostBytes: number): Buffer {
  let fd: number | null = null;
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for a writer before its kind can be checked.
    fd = openSync(fsPath(file), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Unreadable(`it is ${kindOf(stat)}, not a regular file`);
    if (stat.size > mostBytes) throw tooLarge(mostBytes);
    return readAll(fd, stat.size, mostBytes);
  } catch (error) {
    const errno = errnoOf(error);
    throw errno === null ? error : new Unreadable(errno, errno);
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** The reported size may be wrong: it is 0 in /proc, and a log grows. */
function readAll(fd: number, size: number, mostBytes: number): Buffer {
  const chunks: Buffer[] = [];
  for (let total = 0; ; ) {
    const chunk = Buffer.allocUnsafe(Math.max(size + 1 - total, 64 * 1024));
    const length = readSync(fd, chunk);
    if (length === 0) return Buffer.concat(chunks);
    total += length;
    if (total > mostBytes) throw tooLarge(mostBytes);
    chunks.push(chunk.subarray(0, length));
  }
}

function tooLarge(mostBytes: number): Unreadable {
  return new Unreadable(`it is larger than ${mostBytes / MIB} MiB`);
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return 'a folder';
  if (stat.isFIFO()) return 'a pipe';
  return stat.isSocket() ? 'a socket' : 'a device';
}

/** `hint`: what to name instead. */
export type InputError = Readonly<{ code: string; hint: string }>;

/** The text of a file that a user named. @throws SetupError with that code */
export function readInput(file: string, mostBytes: number, { code, hint }: InputError): string {
  return orSetupError(file, { code, hint }, () => readBounded(file, mostBytes).toString('utf8'));
}

/** The value in a JSON file that a user named. @throws SetupError with that code */
export function readJsonInput(file: string, error: InputError): unknown {
  const text = readInput(file, MOST_JSON_BYTES, error);
  return orSetupError(file, error, () => parseJson(text));
}

function orSetupError<T>(file: string, { code, hint }: InputError, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new SetupError(code, `${quote(file)} cannot be read: ${error.message}`, hint, { cause: error });
  }
}

/** A reviver as JSON.parse() accepts it; `source` is a number's literal text, which TypeScript does not declare. */
type Reviver = (key: string, value: unknown, context: Readonly<{ source: string }>) => unknown;

/** JSON of unknown origin. @throws Unreadable if it is not JSON, or nested so deep that walking it ends in a stack overflow. */
export function parseJson(text: string, reviver?: Reviver): unknown {
  if (levelsOf(text) > MOST_LEVELS) throw new Unreadable(`it is nested more than ${MOST_LEVELS} levels deep`);
  try {
    return JSON.parse(text, reviver as Parameters<typeof JSON.parse>[1]);
  } catch {
    throw new Unreadable('it is not JSON');
  }
}

function levelsOf(text: string): number {
  let [levels, most, isText] = [0, 0, false];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) isText = !isText;
    else if (isText) at += code === BACKSLASH ? 1 : 0;
    else if (code === BRACKET || code === BRACE) {
      levels += 1;
      most = Math.max(most, levels);
    } else if (code === CLOSING_BRACKET || code === CLOSING_BRACE) levels -= 1;
  }
  return most;
}

const [QUOTE, BACKSLASH, BRACKET, BRACE, CLOSING_BRACKET, CLOSING_BRACE] = [0x22, 0x5c, 0x5b, 0x7b, 0x5d, 0x7d];
