import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of kmem-run itself: above dist/ if it is bundled, otherwise above src/. */
export function packageFolder(): string {
  let folder: string = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
