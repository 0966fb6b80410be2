/** Checks a kernel's files against kernel.json. */

import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, type Stats, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errnoOf } from '../errors.ts';
import { filesOf, type KeptFile, type Manifest } from './manifest.ts';

/**
 * One line for each damaged file; empty if there is none. Without `thorough`, a file of the right size and time is
 * assumed to be intact, and only one whose time differs (a copied cache folder) is hashed.
 */
export async function problemsOf(folder: string, manifest: Manifest, thorough: boolean): Promise<string[]> {
  const problems: string[] = [];
  for (const file of filesOf(manifest)) {
    const problem = await problemOf(join(folder, manifest.content, file.path), file, thorough);
    if (problem !== null) problems.push(`${file.path} ${problem}`);
  }
  return problems;
}

async function problemOf(path: string, kept: KeptFile, thorough: boolean): Promise<string | null> {
  const stat = statOf(path);
  if (typeof stat === 'string') return stat;
  if (!stat.isFile()) return 'is not a regular file';
  if (stat.size !== kept.bytes) return `has ${stat.size} bytes, not ${kept.bytes}`;
  if (!thorough && stat.mtimeMs === kept.mtimeMs) return null;
  try {
    if ((await sha256Of(path)) !== kept.sha256) return 'does not match its checksum';
  } catch (error) {
    return `cannot be read (${errnoOf(error) ?? 'unknown error'})`;
  }
  restoreTime(path, kept.mtimeMs);
  return null;
}

function statOf(path: string): Stats | string {
  try {
    return lstatSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    return errno === 'ENOENT' ? 'is missing' : `cannot be examined (${errno ?? 'unknown error'})`;
  }
}

// The file is intact: the next run need not hash it again. If this fails, the next run does.
function restoreTime(path: string, mtimeMs: number): void {
  try {
    utimesSync(path, mtimeMs / 1000, mtimeMs / 1000);
  } catch {}
}

/** The SHA-256 of a file, in hexadecimal. Rejects if reading fails. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}
