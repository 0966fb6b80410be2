/** What confines kmem-run: the namespaces and filters from which container engines build a container. */

import { existsSync, readlinkSync } from 'node:fs';
import { readOrNull } from '../host/read-file.ts';

export type Surroundings = Readonly<{
  /** Kinds of namespaces that differ from those that the machine was booted with. */
  namespaces: readonly string[];
  /** docker, podman, lxc …; null: no container, or an unidentified one. */
  engine: string | null;
  /** Null if the kernel does not report it: before Linux 5.9. */
  seccompFilters: number | null;
  noNewPrivs: boolean;
}>;

/** Inode numbers of the first namespaces: include/linux/proc_ns.h. The first mount and network namespaces have none. */
const FIRST: Readonly<Record<string, number>> = {
  cgroup: 0xeffffffb,
  user: 0xeffffffd,
  pid: 0xeffffffc,
  ipc: 0xefffffff,
  uts: 0xeffffffe,
};

/** Files that an engine leaves in its containers. They stay in an image that is booted: alone they prove nothing. */
const MARKS: readonly (readonly [file: string, engine: string])[] = [
  ['/run/.containerenv', 'podman'],
  ['/.dockerenv', 'docker'],
];

export function readSurroundings(): Surroundings {
  const namespaces = Object.keys(FIRST).filter((kind) => !isFirst(kind));
  const status = readOrNull('/proc/self/status') ?? '';
  const filters = /^Seccomp_filters:\s*(\d+)$/m.exec(status)?.[1];
  return {
    namespaces,
    engine: namespaces.length === 0 ? null : readEngine(),
    seccompFilters: filters === undefined ? null : Number(filters),
    noNewPrivs: /^NoNewPrivs:\s*1$/m.test(status),
  };
}

/** The container engine's options for a writable cgroup file system; null: there is no container. */
export function askForWritable({ namespaces, engine }: Surroundings): string | null {
  if (namespaces.length === 0) return null;
  const options: Readonly<Record<string, string>> = {
    docker: '--security-opt writable-cgroups=true (before Docker 28: --privileged)',
    podman: '--security-opt unmask=/sys/fs/cgroup',
    bwrap: '--bind /sys/fs/cgroup /sys/fs/cgroup',
  };
  const known = engine === null ? undefined : options[engine];
  if (known !== undefined) return `start the container with ${known}`;
  const each = Object.entries(options).map(([name, option]) => `${name}: ${option}`);
  return `start the container with a writable /sys/fs/cgroup (${each.join('; ')})`;
}

function readEngine(): string | null {
  // systemd's convention, followed by lxc, nspawn and podman: the variable is PID 1's, and systemd records it for
  // others.
  const name = process.env.container ?? readOrNull('/run/systemd/container')?.trim();
  if (name !== undefined && /^[\w.-]+$/.test(name)) return name;
  return MARKS.find(([file]) => existsSync(file))?.[1] ?? null;
}

function isFirst(kind: string): boolean {
  try {
    return readlinkSync(`/proc/self/ns/${kind}`) === `${kind}:[${FIRST[kind]}]`;
  } catch {
    // This kernel lacks that kind.
    return true;
  }
}
