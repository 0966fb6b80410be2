/** Extracts a kernel from a Debian package; only the needed files are unpacked. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';
import { KNOWN } from './modules.ts';
import { isOutOfSpace, noSpace, reasonIn, runPipe, runTool } from './tools.ts';

export type DebNames = Readonly<{ package: string; version: string }>;

/** The name and version of a package. @throws SetupError `bad-package`, `no-tool`. */
export async function debNames(file: string, signal: AbortSignal | undefined): Promise<DebNames> {
  const ended = await runTool('dpkg-deb', ['--field', file, 'Package', 'Version'], { signal });
  const text = ended.stdout.toString('utf8');
  const name = /^Package: (\S+)$/m.exec(text)?.[1];
  const version = /^Version: (\S+)$/m.exec(text)?.[1];
  if (ended.code === 0 && name !== undefined && version !== undefined) return { package: name, version };
  throw badPackage(file, reasonIn(ended));
}

/** Unpacks image, lists and the modules that kernels are known to need, into an empty directory. Returns the image's path. */
export async function unpackDeb(file: string, into: string, signal: AbortSignal | undefined): Promise<string> {
  const images = ['./boot/vmlinuz-*', './boot/vmlinux-*', './boot/Image-*'];
  await unpack(file, into, [...images, '*/modules.builtin', ...KNOWN.map(moduleGlob)], signal);
  const image = imageIn(into);
  if (image !== null) return image;
  throw new SetupError(
    'no-image',
    `${quote(file)} contains no kernel in /boot`,
    'use the package with the image, linux-image-RELEASE, not the metapackage or a package of modules',
  );
}

/** Unpacks one more module; a missing one is not an error. */
export function unpackModule(
  file: string,
  into: string,
  module: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  return unpack(file, into, [moduleGlob(module)], signal);
}

// In file names, - and _ are the same.
function moduleGlob(name: string): string {
  return `*/${name.replaceAll('_', '[_-]')}.ko*`;
}

/** The files of other machines, and what only a module with debug information needs. */
const NO_HEADERS = ['*/arch/[!x]*', '*/vmlinux', './usr/share'].map((glob) => `--exclude=${glob}`);

/** Unpacks a kernel's packages of headers, and returns the folder to build in. @throws SetupError `bad-package`. */
export async function unpackHeaders(
  files: readonly string[],
  into: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  for (const file of files) {
    const tar = ['--extract', '--directory', into, '--no-same-owner', '--wildcards', ...NO_HEADERS];
    const ended = await runPipe(['dpkg-deb', ['--fsys-tarfile', file]], ['tar', tar], signal);
    if (isOutOfSpace(ended)) throw noSpace(into);
    if (ended.code !== 0) throw badPackage(file, reasonIn(ended));
  }
  const sources = join(into, 'usr', 'src');
  const own = readdirSync(sources).find((name) => !name.endsWith('-common'));
  const folder = join(sources, own ?? '');
  // It includes the Makefile that both flavours share by its absolute path.
  const makefile = join(folder, 'Makefile');
  writeFileSync(makefile, readFileSync(makefile, 'utf8').replaceAll(/(^|\s)\/usr\/src\//g, `$1${sources}/`));
  return folder;
}

async function unpack(file: string, into: string, globs: string[], signal: AbortSignal | undefined): Promise<void> {
  const tar = ['--extract', '--directory', into, '--no-same-owner', '--wildcards', ...globs];
  const ended = await runPipe(['dpkg-deb', ['--fsys-tarfile', file]], ['tar', tar], signal);
  if (isOutOfSpace(ended)) throw noSpace(into);
  // tar complains about each missing name.
  const complaints = ended.stderr
    .split('\n')
    .filter((line) => !/Not found in archive|Exiting with failure|^$/.test(line));
  if (ended.code === 0 || complaints.length === 0) return;
  throw badPackage(file, reasonIn({ ...ended, stderr: complaints.join('\n') }));
}

function imageIn(into: string): string | null {
  const boot = join(into, 'boot');
  const names = readdirSync(into).includes('boot') ? readdirSync(boot, { withFileTypes: true }) : [];
  const found = names.find((entry) => entry.isFile());
  return found === undefined ? null : join(boot, found.name);
}

function badPackage(file: string, reason: string): SetupError {
  return new SetupError(
    'bad-package',
    `${quote(file)} cannot be read as a Debian package (${reason})`,
    'use the package of a kernel: linux-image-RELEASE_VERSION_ARCHITECTURE.deb',
  );
}
