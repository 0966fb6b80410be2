/** Where a report goes: whole or not at all. A file is replaced in one step; what is no regular file is written to. */

import { randomBytes } from 'node:crypto';
import { constants, lstatSync, readlinkSync, realpathSync, type Stats } from 'node:fs';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { errnoOf, SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';

const STDOUT = '-';
const MOST_LINKS = 40;

/** `stream`: written to as it is. `file`: the regular file, all links followed, and what is there now (null: nothing). */
type Target = Readonly<{ kind: 'stream'; path: string } | { kind: 'file'; path: string; existing: Stats | null }>;

/** Writes a whole report. @throws SetupError `json-not-written`; no part of it is left behind then. */
export async function writeReport(path: string, text: string | Uint8Array): Promise<void> {
  try {
    if (path === STDOUT) return await writeStdout(text);
    const target = targetOf(path);
    if (target.kind === 'stream') await writeStream(target.path, text);
    else await replaceFile(target.path, target.existing, text);
  } catch (error) {
    throw failure(path, error);
  }
}

function targetOf(path: string, links = 0): Target {
  const place = join(realpathSync(dirname(path)), basename(path));
  const existing = lstatSync(place, { throwIfNoEntry: false }) ?? null;
  // /dev/stdout and /proc/self/fd/N are open files of ours: to rename over what they lead to would take it from its owner.
  if (place.startsWith('/proc/')) return { kind: 'stream', path: place };
  if (existing?.isSymbolicLink()) {
    if (links === MOST_LINKS) throw Object.assign(new Error(), { code: 'ELOOP' });
    return targetOf(resolve(dirname(place), readlinkSync(place)), links + 1);
  }
  if (existing?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
  return existing === null || existing.isFile()
    ? { kind: 'file', path: place, existing }
    : { kind: 'stream', path: place };
}

async function replaceFile(path: string, existing: Stats | null, text: string | Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.kmem-run-${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
  let handle: FileHandle;
  try {
    handle = await open(temporary, 'wx', existing === null ? 0o666 : 0o600);
  } catch (error) {
    // The folder takes no new file, but the file that is there may still be written.
    if (existing === null || !isRefusal(error)) throw error;
    return await overwriteFile(path, text);
  }
  try {
    await writeAll(handle, text, existing);
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    // A file that is a mount point of its own cannot be replaced.
    if (errnoOf(error) !== 'EBUSY') throw error;
    await overwriteFile(path, text);
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
    // Some file systems tell of a full disk only here.
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function overwriteFile(path: string, text: string | Uint8Array): Promise<void> {
  const handle = await open(path, constants.O_WRONLY | constants.O_TRUNC);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await handle.truncate(0).catch(() => {});
    throw error;
  } finally {
    await handle.close();
  }
}

async function writeStream(path: string, text: string | Uint8Array): Promise<void> {
  // Append: a shell's `>>` behind /dev/stdout must not be overwritten from the start.
  const handle = await open(path, constants.O_WRONLY | constants.O_APPEND);
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}

function writeStdout(text: string | Uint8Array): Promise<void> {
  return new Promise((done, fail) => {
    process.stdout.once('error', fail);
    process.stdout.write(text, (error) => {
      // On failure the 'error' event is still to come, and without a listener it would end the process.
      if (error) return fail(error);
      process.stdout.off('error', fail);
      done();
    });
  });
}

function isRefusal(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '');
}

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space there, or name a file on another disk',
  EDQUOT: 'free some space there, or name a file on another disk',
  ENOENT: 'make the folder first, or name a file in one that is there',
  EISDIR: 'name a file in it',
  EPIPE: 'let the program behind the pipe read to the end, or name a file',
};

function failure(path: string, error: unknown): SetupError {
  const errno = errnoOf(error) ?? '';
  const place = path === STDOUT ? 'stdout' : quote(path);
  const message = `the result cannot be written to ${place}: ${reason(error, errno)}`;
  return new SetupError('json-not-written', message, hints[errno] ?? 'name a file that can be written', {
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
