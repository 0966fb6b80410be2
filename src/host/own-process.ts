/** What this process inherited, byte by byte: Node.js replaces bytes that are not UTF-8 with U+FFFD. */

import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { fsPath, hasBytes, textOf } from '../text/bytes.ts';

/** Node.js writes this in place of bytes that are not UTF-8. */
const LOST = '\ufffd';

/** Arguments after the script's name. */
export function ownArguments(): readonly string[] {
  const given = process.argv.slice(2);
  if (!given.some((word) => word.includes(LOST))) return given;
  // Options of Node.js itself precede them.
  return given.length === 0 ? [] : records(readFileSync('/proc/self/cmdline')).slice(-given.length).map(textOf);
}

/** Variables that were set or unset since have their current state. */
export function ownEnvironment(): Readonly<Record<string, string>> {
  const now = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  // A variable whose name is not UTF-8 is not even listed.
  const bytes = readFileSync('/proc/self/environ');
  if (!bytes.toString().includes(LOST)) return Object.fromEntries(now);
  const given = new Map<string, string>();
  for (const record of records(bytes)) {
    const end = record.indexOf('=');
    const name = textOf(record.subarray(0, end));
    const value = record.subarray(end + 1);
    if (end <= 0 || given.has(name)) continue;
    if (hasBytes(name) || process.env[name] === value.toString()) given.set(name, textOf(value));
  }
  return { ...Object.fromEntries(now.filter(([name]) => !name.includes(LOST))), ...Object.fromEntries(given) };
}

/** The working directory. Throws the error of getcwd(3). */
export function ownFolder(): string {
  const folder = process.cwd();
  return folder.includes(LOST) ? textOf(readlinkSync('/proc/self/cwd', { encoding: 'buffer' })) : folder;
}

/** A path from the working directory. Throws the error of getcwd(3). */
export function absolute(path: string): string {
  return resolve(ownFolder(), path);
}

/** The path without links. Throws the error of realpath(3). */
export function realPath(path: string): string {
  return textOf(realpathSync.native(fsPath(path), { encoding: 'buffer' }));
}

/** NUL-separated records of the kernel. */
function records(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(0, from);
    const to = end === -1 ? bytes.length : end;
    found.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return found;
}
