/** The source of the module of `--enforce native`. */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from '../host/package-folder.ts';

export function nativeFolder(): string {
  return join(packageFolder(), 'src', 'native', 'module');
}

/** Identifies the source of this version of kmem-run. */
export function nativeSource(): string {
  const hash = createHash('sha256');
  const folder = nativeFolder();
  for (const name of readdirSync(folder).sort()) hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}
