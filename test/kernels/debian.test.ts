/** Debian's own kernels, from the mirror that this machine's apt uses. */

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SetupError } from '../../src/errors.ts';
import { DEBIAN_KEYRING } from '../../src/kernels/apt.ts';
import { findKernel } from '../../src/kernels/find.ts';
import { verifyKernel } from '../../src/kernels/list.ts';
import type { Kernel } from '../../src/kernels/types.ts';
import { needs } from '../needs.ts';
import { makePlace, setEnvironment } from './place.ts';

/**
 * If the mirror does not serve it, CI uses the saved kernel (KMEM_RUN_KERNELS) or fails. Null: skipped and reported.
 */
async function addFromMirror(t: ExecutionContext, name: string): Promise<Kernel | null> {
  const { KMEM_RUN_KERNELS } = process.env;
  const place = makePlace(t);
  setEnvironment(t, { KMEM_RUN_KERNELS });
  try {
    const { kernel } = await place.add(name, { way: 'mirror', url: null }, { keyring: DEBIAN_KEYRING });
    for (const line of place.said()) t.log(line);
    return kernel;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    needs(t, false, `a Debian mirror that serves ${name}: ${error.message}`);
    return null;
  }
}

const newest = { '5.10': /^5\.10\.\d+$/, '6.12': /^6\.12\.\d+$/ } as const;
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

for (const name of ['5.10', '6.12'] as const) {
  test.serial(`add ${name} installs Debian’s newest kernel completely`, async (t) => {
    const kernel = await addFromMirror(t, name);
    if (kernel === null) return;
    t.regex(kernel.version, newest[name]);
    t.true(kernel.release.startsWith(`${name}.`) && kernel.release.endsWith(`-${architecture}`), kernel.release);
    t.deepEqual(await findKernel(name), kernel);
    t.deepEqual((await verifyKernel(name)).problems, []);
    assertPlain(t, kernel);
    assertLoadable(t, kernel);
  });
}

function assertPlain(t: ExecutionContext, kernel: Kernel): void {
  const magic = kernel.arch === 'x86_64' ? '\x7fELF' : 'ARMd';
  t.is(bytesAt(kernel.image, kernel.arch === 'x86_64' ? 0 : 0x38, 4), magic);
  t.true(statSync(kernel.image).size > 20 << 20);
  for (const path of kernel.modules) t.is(bytesAt(path, 0, 4), '\x7fELF', path);
}

/** Each symbol that one module leaves undefined and another defines is defined by an earlier module. */
function assertLoadable(t: ExecutionContext, kernel: Kernel): void {
  const names = kernel.modules.map((path) => basename(path, '.ko'));
  for (const wanted of ['virtio_mmio', '9pnet_virtio', '9p', 'overlay']) t.true(names.includes(wanted), wanted);
  const symbols = kernel.modules.map((path) => {
    const lines = execFileSync('nm', [path], { encoding: 'utf8', maxBuffer: 1 << 26 }).split('\n');
    const of = (pattern: RegExp) => new Set(lines.map((line) => pattern.exec(line)?.[1] ?? ''));
    return { needed: of(/ U (\S+)$/), exported: of(/ __ksymtab_(\S+)$/) };
  });
  for (const [at, { needed }] of symbols.entries()) {
    const late = symbols
      .slice(at + 1)
      .flatMap(({ exported }) => [...exported].filter((name) => name !== '' && needed.has(name)));
    t.deepEqual(late, [], `${names[at]} is loaded before what it needs`);
  }
}

function bytesAt(file: string, position: number, length: number): string {
  const bytes = Buffer.alloc(length);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, bytes, 0, length, position);
  } finally {
    closeSync(fd);
  }
  return bytes.toString('latin1');
}
