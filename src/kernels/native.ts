/** The module of `--enforce native` (src/native/module), built against Debian's headers of exactly this kernel. */

import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../errors.ts';
import { elfSection } from '../host/elf.ts';
import { findProgram } from '../host/programs.ts';
import { unpackHeaders } from './deb.ts';
import type { Image } from './image.ts';
import { nativeFolder, nativeSource } from './native-source.ts';
import { reasonIn, runTool, type ToolEnd } from './tools.ts';

export const NATIVE_FILE = 'modules/kmem_native.ko';

/** `source`: of which source it is built. `missing`: why it is not, and what to do. */
export type Native =
  | Readonly<{ data: Buffer; source: string }>
  | Readonly<{ data: null; missing: string; hint: string }>;

type Building = Readonly<{
  image: Image;
  /** The kernel's name, as given to `kernel add`. */
  name: string;
  /** Fetches the packages of headers. */
  fetchHeaders: () => Promise<readonly string[]>;
  /** An empty directory. */
  scratch: string;
  signal: AbortSignal | undefined;
  say: (text: string) => void;
}>;

/** Null: this kernel enforces a limit itself. Without a module the kernel is complete for every other mode. */
export async function buildNative({
  image,
  name,
  fetchHeaders,
  scratch,
  signal,
  say,
}: Building): Promise<Native | null> {
  if (enforcesItself(image.release)) return null;
  const again = `then run kmem-run kernel add ${name}`;
  if (image.arch !== 'x86_64') return without('it is made for x86-64 only', 'use --enforce gate');
  const lacking = ['gcc', 'make'].filter((tool) => findProgram(tool) === null);
  if (lacking.length > 0)
    return without(
      `${lacking.join(' and ')} ${lacking.length > 1 ? 'are' : 'is'} not installed`,
      `install the packages gcc and make, ${again}`,
    );
  try {
    say(`building the module of --enforce native for ${image.release}`);
    const folder = await unpackHeaders(await fetchHeaders(), scratch, signal);
    return { data: await build(folder, image.release, scratch, signal), source: nativeSource() };
  } catch (error) {
    if (signal?.aborted) throw error;
    const isOfBuild = error instanceof SetupError && error.code === NOT_BUILT;
    return without((error as Error).message, isOfBuild ? `${error.hint}, ${again}` : `kmem-run kernel add ${name}`);
  }
}

const NOT_BUILT = 'module-not-built';

/** The last was 5.15. */
function enforcesItself(release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map(Number);
  return major < 5 || (major === 5 && minor < 16);
}

function without(missing: string, hint: string): Native {
  return { data: null, missing, hint };
}

async function build(
  headers: string,
  release: string,
  scratch: string,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const work = join(scratch, 'module');
  cpSync(nativeFolder(), work, { recursive: true });
  // The kernel's own compiler may have another name here, and debug information would be most of the file.
  const args = ['-C', headers, `M=${work}`, 'CC=gcc', 'KCFLAGS=-g0', 'modules'];
  const ended = await runTool('make', args, { signal });
  if (ended.code !== 0) {
    throw new SetupError(
      NOT_BUILT,
      `the build of kmem_native failed (${complaintIn(ended)})`,
      'install a compiler and a C library as new as those of the kernel',
    );
  }
  const data = readFileSync(join(work, 'kmem_native.ko'));
  if (elfSection(data, '.modinfo')?.includes(`vermagic=${release} `) === true) return data;
  throw new SetupError(NOT_BUILT, `the headers are not those of ${release}`, 'wait until the mirror is complete');
}

/** The compiler's, or that of a tool: make itself only repeats that something failed. */
function complaintIn(ended: ToolEnd): string {
  const lines = ended.stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^(make\b|Skipping |warning: )/.test(line));
  return lines.length === 0 ? reasonIn(ended) : reasonIn({ ...ended, stderr: lines.join('\n') });
}
