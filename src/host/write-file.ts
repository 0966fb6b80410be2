/** Writes a report whole or not at all. A regular file is replaced in one step; any other kind is written to. */

import { constants, fstatSync, readFileSync, type Stats, statSync } from 'node:fs';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { getSystemErrorMessage } from 'node:util';
import { errnoOf, SetupError } from '../errors.ts';
import { fsPath } from '../text/bytes.ts';
import { quote } from '../text/quote.ts';
import { ENDING_SIGNALS } from './exit-status.ts';
import { newId } from './new-id.ts';
import { appendFlags, checkOpened, openPlace, type Place } from './open-place.ts';

export const STDOUT = '-';
const TRY_AGAIN_MS = 5;

type WriteOptions = Readonly<{
  /** Its folder and those above it are created, too. */
  makesFolders?: boolean;
}>;

/**
 * Writes a whole report. When `givenUp` is aborted, it stops waiting for the reader of a pipe.
 * @throws SetupError `json-not-written`; no part of it is left behind in a file then
 */
export async function writeReport(
  path: string,
  text: string | Uint8Array,
  givenUp?: AbortSignal,
  options: WriteOptions = {},
): Promise<void> {
  try {
    if (path === STDOUT) return await writeStdout(text, givenUp);
    const place = openPlace(path, options);
    try {
      await writePlace(place, text, givenUp);
    } finally {
      place.close();
    }
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** A signal that would kill this process and leave a temporary file behind is delivered when the work is done. */
async function holdingSignals(work: () => Promise<void>): Promise<void> {
  let held: NodeJS.Signals | null = null;
  const hold = (signal: NodeJS.Signals): void => {
    held ??= signal;
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, hold);
  try {
    await work();
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, hold);
    // Other listeners have received the signal.
    if (held !== null && process.listenerCount(held) === 0) process.kill(process.pid, held);
  }
}

async function writePlace(place: Place, text: string | Uint8Array, givenUp?: AbortSignal): Promise<void> {
  const { existing, isOpenFile } = place;
  if (existing?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
  // /dev/stdout and /proc/self/fd/N are open files of ours: a rename over their target would take it from its owner.
  if (isOpenFile || !(existing === null || existing.isFile())) await writeStream(place, text, givenUp);
  else await holdingSignals(() => replaceFile(place, text));
}

async function replaceFile(place: Place, text: string | Uint8Array): Promise<void> {
  const { path, beside, existing } = place;
  const temporary = beside(`.kmem-run-${process.pid}-${newId()}.tmp`);
  let handle: FileHandle;
  try {
    handle = await open(fsPath(temporary), 'wx', existing === null ? 0o666 : 0o600);
  } catch (error) {
    // The folder accepts no new file, but the existing file may still be writable.
    if (existing === null || !isRefusal(error)) throw error;
    return await overwriteFile(place, text);
  }
  try {
    await writeAll(handle, text, existing);
    await rename(fsPath(temporary), fsPath(path));
  } catch (error) {
    await unlink(fsPath(temporary)).catch(() => {});
    // A file that is itself a mount point cannot be replaced.
    if (errnoOf(error) !== 'EBUSY') throw error;
    await overwriteFile(place, text);
  }
}

async function writeAll(handle: FileHandle, text: string | Uint8Array, existing: Stats | null): Promise<void> {
  try {
    if (existing !== null) {
      // Replacing must not change who may read the file; only root can keep a foreign owner.
      await handle.chown(existing.uid, existing.gid).catch(() => {});
      await handle.chmod(existing.mode & 0o777);
    }
    await handle.writeFile(text);
    // Some file systems report a full disk only here.
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function overwriteFile(place: Place, text: string | Uint8Array): Promise<void> {
  const handle = await open(fsPath(place.path), appendFlags(place));
  try {
    checkOpened(place, handle.fd, { truncate: true });
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await handle.truncate(0).catch(() => {});
    throw error;
  } finally {
    await handle.close();
  }
}

async function writeStream(place: Place, text: string | Uint8Array, givenUp?: AbortSignal): Promise<void> {
  const handle = await openStream(place, givenUp);
  try {
    checkOpened(place, handle.fd, { truncate: false });
    for (let rest = Buffer.from(text); rest.length > 0; ) {
      try {
        rest = rest.subarray((await handle.write(rest)).bytesWritten);
      } catch (error) {
        if (errnoOf(error) !== 'EAGAIN') throw error;
        await waitForReader(givenUp);
      }
    }
  } finally {
    await handle.close();
  }
}

/** Non-blocking: while one of Node's threads waits for a reader, the process could not exit. */
async function openStream(place: Place, givenUp?: AbortSignal): Promise<FileHandle> {
  for (;;) {
    try {
      // Append: what a shell's `>>` opened behind /dev/stdout must not be overwritten from the start.
      return await open(fsPath(place.path), appendFlags(place) | constants.O_NONBLOCK);
    } catch (error) {
      if (errnoOf(error) !== 'ENXIO' || !statSync(fsPath(place.path)).isFIFO()) throw error;
      await waitForReader(givenUp);
    }
  }
}

async function waitForReader(givenUp?: AbortSignal): Promise<void> {
  if (givenUp?.aborted) throw notRead();
  await sleep(TRY_AGAIN_MS);
}

function notRead(): Error {
  return new Error('interrupted, and it has no reader');
}

function writeStdout(text: string | Uint8Array, givenUp?: AbortSignal): Promise<void> {
  if (isStdoutClosed()) throw Object.assign(new Error('it is closed'), { code: 'EBADF' });
  return new Promise((done, fail) => {
    // Later than any write that completes at once.
    const giveUp = (): void => void setImmediate(() => fail(notRead()));
    if (givenUp?.aborted) giveUp();
    givenUp?.addEventListener('abort', giveUp, { once: true });
    process.stdout.once('error', fail);
    process.stdout.write(text, (error) => {
      // On failure the 'error' event is still to come, and without a listener it would kill the process.
      if (error) return fail(error);
      process.stdout.off('error', fail);
      done();
    });
  });
}

/**
 * Node.js opens /dev/null for reading and writing in place of a descriptor that was closed; `>/dev/null` opens it only
 * for writing.
 */
function isStdoutClosed(): boolean {
  if (fstatSync(1).rdev !== statSync('/dev/null').rdev) return false;
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/1', 'latin1'))?.[1] ?? '0';
  return (Number.parseInt(flags, 8) & constants.O_RDWR) !== 0;
}

function isRefusal(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '');
}

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space there, or name a file on another disk',
  EDQUOT: 'free some space there, or name a file on another disk',
  ENOENT: 'create the folder first, or name a file in an existing folder',
  EISDIR: 'name a file in it',
  EPIPE: 'let the program that reads the pipe read to the end, or name a file',
};

/** Why a report, or what was printed (`-`), could not be written. */
export function writeFailure(path: string, error: unknown): SetupError {
  const errno = errnoOf(error) ?? '';
  const what = path === STDOUT ? 'stdout cannot be written' : `the result cannot be written to ${quote(path)}`;
  const message = `${what}: ${reason(error, errno)}`;
  return new SetupError('json-not-written', message, hints[errno] ?? 'name a writable file', {
    cause: error,
  });
}

function reason(error: unknown, errno: string): string {
  const number = (error as NodeJS.ErrnoException | null)?.errno;
  if (typeof number === 'number') return getSystemErrorMessage(number);
  return (
    { EISDIR: 'it is a directory', ELOOP: 'too many symbolic links' }[errno] ??
    (error instanceof Error ? error.message : String(error))
  );
}
