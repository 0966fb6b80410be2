/**
 * Kernels that a CI machine keeps for the day when mirrors drop them: the folder that KMEM_RUN_KERNELS names, with
 * `<version>-debian/{vmlinuz,modules/*.ko,SHA256SUMS}` in it.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, SetupError } from '../../errors.ts';
import { entriesOf } from './folder.ts';
import { sha256Of } from './hash.ts';
import { isVersionOf } from './name.ts';

export type Fallback = Readonly<{ name: string; image: string; modules: string; sums: string; folder: string }>;

const SUFFIX = '-debian';

/** The newest kernel in that folder that is of this name; null: there is none, or no such folder is named. */
export function findFallback(name: string): Fallback | null {
  const kept = process.env.KMEM_RUN_KERNELS;
  if (!kept) return null;
  const newest = entriesOf(kept)
    .filter((entry) => entry.endsWith(SUFFIX) && isVersionOf(entry.slice(0, -SUFFIX.length), name))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
  if (newest === undefined) return null;
  const folder = join(kept, newest);
  return {
    name: newest,
    folder,
    image: join(folder, 'vmlinuz'),
    modules: join(folder, 'modules'),
    sums: join(folder, 'SHA256SUMS'),
  };
}

/** Throws SetupError `wrong-checksum` unless each file that SHA256SUMS lists is there as it says, the image among them. */
export async function checkSums({ sums, folder, image }: Fallback): Promise<void> {
  const lines = [...readSums(sums).matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm)];
  const listed = lines.map(([, sum = '', path = '']) => ({ sum, path: join(folder, path) }));
  if (!listed.some(({ path }) => path === image)) throw wrong(sums, `it does not list ${image}`);
  for (const { sum, path } of listed) {
    const found = await sha256Of(path).catch((error: unknown) => wrong(sums, `${path}: ${errnoOf(error)}`));
    if (found instanceof SetupError) throw found;
    if (found !== sum) throw wrong(sums, `${path} has the checksum ${found}`);
  }
}

function readSums(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw wrong(file, errnoOf(error) ?? 'it cannot be read');
  }
}

function wrong(sums: string, reason: string): SetupError {
  return new SetupError(
    'wrong-checksum',
    `the kept kernel is not what ${sums} says: ${reason}`,
    'put the folder that KMEM_RUN_KERNELS names right, or unset it',
  );
}
