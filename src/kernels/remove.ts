import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';
import type { AddOptions } from './add.ts';
import { changing } from './changing.ts';
import { kernelsFolder } from './folder.ts';
import { makeStaging } from './keep.ts';
import { kernelName } from './types.ts';

/** Removes a kernel, damaged or not, and any partial download of it. @throws SetupError `no-such-kernel`. */
export async function removeKernel(text: string, options: Pick<AddOptions, 'signal' | 'say'>): Promise<void> {
  const name = kernelName(text);
  const { of, download } = kernelsFolder();
  if (!existsSync(of(name)) && !existsSync(download(name))) {
    throw new SetupError('no-such-kernel', `unknown kernel: ${quote(name)}`, 'list all kernels: kmem-run kernel list');
  }
  await changing(options, (folders) => {
    const staging = makeStaging(folders);
    // In one step, so that nobody finds a part of it.
    if (existsSync(folders.of(name))) renameSync(folders.of(name), join(staging, name));
    for (const path of [staging, folders.download(name)]) rmSync(path, { recursive: true, force: true });
  });
}
