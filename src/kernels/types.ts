import { SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';
import { isOlder } from '../text/versions.ts';

/** The module of `--enforce native` (src/native/module): its absolute path, or why the kernel has none. */
export type NativeModule =
  | Readonly<{ path: string; reason: null; hint: null }>
  | Readonly<{ path: null; reason: string; hint: string }>;

/** An added kernel, as found in its folder. */
export type Kernel = Readonly<{
  /** The user's name for it: `5.10`. */
  name: string;
  /** What `uname -r` prints in it: `5.10.0-46-amd64`. */
  release: string;
  /** The exact version: Debian's without its revision (`5.10.262`); the release if that is unknown. */
  version: string;
  arch: 'x86_64' | 'aarch64';
  /** Absolute path of what QEMU boots: the ELF `vmlinux` (x86_64) or `Image` (aarch64). */
  image: string;
  /** Absolute paths of the modules (uncompressed), in the order of loading. */
  modules: readonly string[];
  native: NativeModule;
  /** Absolute path of the kernel's own folder. */
  folder: string;
  /** The source, as shown to users. */
  source: string;
  /** ISO 8601. */
  addedAt: string;
  /** The total size of its files. */
  bytes: number;
}>;

/** Whether it enforces a limit on kernel memory itself (cgroup v1 only); from 5.16 on it offers no more than v2. */
export function hasOwnLimit({ release }: Pick<Kernel, 'release'>): boolean {
  return isOlder(release, '5.16');
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;

/** Checks a given kernel name: it becomes a folder's name. @throws SetupError `bad-kernel-name`. */
export function kernelName(text: string): string {
  if (NAME.test(text)) return text;
  throw new SetupError(
    'bad-kernel-name',
    `invalid kernel name: ${quote(text)}`,
    'use up to 64 letters, digits and . _ + -, starting with a letter or a digit, for example 5.10',
  );
}

export function isKernelName(text: string): boolean {
  return NAME.test(text);
}

/**
 * Whether `version` is `name` or a more exact version of it: 5.10.262 is a version of 5.10 and of 5.10.262, not of 5.1.
 */
export function isVersionOf(version: string, name: string): boolean {
  return version === name || (version.startsWith(name) && !/^[0-9]/.test(version.slice(name.length)));
}

/** The kernels available by name, with the Debian release of each. */
export type Suite = Readonly<{
  name: string;
  codename: string;
  title: string;
  /** The metapackage of its newest kernel, without the architecture; absent: `linux-image`. */
  meta?: string;
}>;

export const suites: readonly Suite[] = [
  { name: '5.10', codename: 'bullseye', title: 'Debian 11' },
  { name: '6.1', codename: 'bookworm', title: 'Debian 12' },
  { name: '6.12', codename: 'trixie', title: 'Debian 13' },
];

/** Debian 12 has this kernel too, with headers that its own compiler and C library can use. */
const SECOND: Suite = { name: '6.12', codename: 'bookworm', title: 'Debian 12', meta: 'linux-image-6.12' };

/** As that of Debian 13. */
const LIBRARY_NEEDED = '2.38';

/** Where to look for it, in order of preference. `library`: the version of this machine's C library, or null. */
export function suitesFor(name: string, library: string | null): readonly Suite[] {
  const suite = suiteOf(name);
  if (suite === null) return [];
  const isTooOld = library !== null && isOlder(library, LIBRARY_NEEDED);
  return name === SECOND.name && isTooOld ? [SECOND, suite] : [suite];
}

/** Null if no Debian release is known for that name. */
export function suiteOf(name: string): Suite | null {
  return suites.find((suite) => suite.name === name) ?? null;
}
