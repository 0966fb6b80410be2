/** A kernel that was added, as found in its folder. */
export type Kernel = Readonly<{
  /** What the user calls it: `5.10`. */
  name: string;
  /** What `uname -r` says in it: `5.10.0-46-amd64`. */
  release: string;
  /** The exact version: Debian's without its revision (`5.10.262`); the release where that is not known. */
  version: string;
  arch: 'x86_64' | 'aarch64';
  /** Absolute path of what QEMU boots: the ELF `vmlinux` (x86_64) or `Image` (aarch64). */
  image: string;
  /** Absolute paths of the modules (uncompressed), in the order in which they are to be loaded. */
  modules: readonly string[];
  /** Absolute path of the kernel's own folder. */
  folder: string;
  /** Where it is from, for people. */
  source: string;
  /** ISO 8601. */
  addedAt: string;
  /** The space that its files take. */
  bytes: number;
}>;
