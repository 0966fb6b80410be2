/** What a run has left in its private folder. */

import { createHash } from 'node:crypto';
import { closeSync, type Dirent, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type OwnNames, scrub } from './scrub.ts';
import type { Entry } from './sight.ts';

/** Longer files are told apart by their bytes alone. */
const LONGEST_TEXT = 1024 * 1024;
const CHUNK = 1024 * 1024;

/** By path below the folder; `names.folder` is the folder. */
export function readFolder(names: OwnNames): ReadonlyMap<string, Entry> {
  const { folder } = names;
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .map((entry): [string, Entry] => {
        const path = join(entry.parentPath, entry.name);
        return [relative(folder, path), entry.isFile() ? readFile(path, names) : { kind: kindOf(entry) }];
      })
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function kindOf(entry: Dirent): 'folder' | 'link' | 'other' {
  return entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'other';
}

function readFile(path: string, names: OwnNames): Entry {
  if (statSync(path).size > LONGEST_TEXT) return { kind: 'file', text: null, digest: digestOf(path) };
  const bytes = readFileSync(path);
  const isText = !bytes.includes(0);
  const text = isText ? scrub(bytes.toString('utf8'), names) : null;
  return {
    kind: 'file',
    text,
    digest: createHash('sha256')
      .update(text ?? bytes)
      .digest('hex'),
  };
}

/** In pieces: it may be longer than memory is large. */
function digestOf(path: string): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK);
  const file = openSync(path, 'r');
  try {
    for (let length = readSync(file, buffer); length > 0; length = readSync(file, buffer)) {
      hash.update(buffer.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
