import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../../errors.ts';

/** The script that every page brings along (or another, by its `name`), as the build made it. Throws SetupError `not-built`. */
export function pageScript(packageFolder: string, name = 'report-page.js'): string {
  const file = join(packageFolder, 'dist', name);
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SetupError('not-built', `${file} is not there`, 'run npm ci in the folder of kmem-run', { cause });
  }
}
