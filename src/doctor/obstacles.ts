/** What keeps a program from being loaded into the kernel, and who can change that. */

import { readSurroundings } from '../cgroup/surroundings.ts';
import { errnoName } from '../gate/protocol.ts';
import { readOrNull } from '../host/read-file.ts';
import type { ProgramTrial } from './bench.ts';

/** include/uapi/linux/capability.h. CAP_SYS_ADMIN includes the others. */
const CAPABILITIES = { CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const;

export type Obstacles = Readonly<{
  /** Capabilities that loading needs and this process lacks. */
  lacking: readonly string[];
  /** Capabilities in its own user namespace do not count. */
  inUserNamespace: boolean;
  seccompFilters: boolean;
  /** Reading the kernel's memory is forbidden. */
  lockedDown: boolean;
  /** The kernel's types can be read (BTF). */
  types: boolean;
}>;

export function readObstacles(types: boolean): Obstacles {
  const { namespaces, seccompFilters } = readSurroundings();
  const status = readOrNull('/proc/self/status') ?? '';
  return {
    lacking: lackingIn(/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? ''),
    inUserNamespace: namespaces.includes('user'),
    seccompFilters: (seccompFilters ?? 0) > 0,
    lockedDown: readOrNull('/sys/kernel/security/lockdown')?.includes('[confidentiality]') ?? false,
    types,
  };
}

/** `effective`: the hexadecimal mask of /proc/PID/status. */
export function lackingIn(effective: string): string[] {
  const mask = BigInt(`0x${effective || '0'}`);
  const has = (bit: number) => ((mask >> BigInt(bit)) & 1n) === 1n;
  if (has(CAPABILITIES.CAP_SYS_ADMIN)) return [];
  return (['CAP_BPF', 'CAP_PERFMON'] as const).filter((name) => !has(CAPABILITIES[name]));
}

/** The cause of a failed trial, and who can change it. */
export function obstacleTo(trial: Omit<ProgramTrial, 'works' | 'kind'>, obstacles: Obstacles): string {
  if (trial.errno === 0) return 'it loads, but missed the event of its test: please report this';
  const [cause, change] = causeOf(trial.program, errnoName(trial.errno), obstacles);
  return `${cause} (${errnoName(trial.errno)}): ${change}`;
}

type Obstacle = readonly [cause: string, change: string];

const LOCKED_DOWN: Obstacle = [
  'kernel lockdown forbids programs to read the kernel’s memory',
  'boot this machine with lockdown=integrity or none',
];

const NOT_INJECTABLE: Obstacle = [
  'this kernel lets no program answer for its functions',
  'boot another kernel, such as Debian’s 6.1 or 6.12',
];

const causes: Readonly<Record<string, Obstacle>> = {
  ENOSYS: ['there is no bpf(2)', 'boot a kernel built with CONFIG_BPF_SYSCALL, or have the sandbox allow bpf(2)'],
  EOPNOTSUPP: ['it loads, but was not tried: kmem-run’s own cgroup is not shown', 'mount its hierarchy'],
  ESRCH: [
    'it identifies processes by the machine’s own pids, which a PID namespace hides',
    'run kmem-run outside the container (docker, podman: --pid=host)',
  ],
  EPROTO: ['the kernel makes an allocation that a program refused', 'boot another kernel'],
  E2BIG: ['this machine has more CPUs than the program supports', 'use a machine with up to 64 CPUs'],
};

function causeOf(program: string | null, errno: string, obstacles: Obstacles): Obstacle {
  const known = causes[errno];
  if (known !== undefined) return known;
  if (program?.startsWith('fmod_ret/') && errno !== 'EPERM') return NOT_INJECTABLE;
  if (errno === 'EPERM') return forbiddenBy(program, obstacles);
  if (program === null) return ['could not be tried', 'please report this'];
  if (errno === 'ENOENT') return lackOf(program, obstacles);
  if (obstacles.lockedDown) return LOCKED_DOWN;
  return [`this kernel does not accept the program ${program}`, 'boot Linux 6.1 or newer'];
}

function forbiddenBy(program: string | null, obstacles: Obstacles): Obstacle {
  const { lacking, inUserNamespace, seccompFilters, lockedDown } = obstacles;
  if (lacking.length > 0)
    return [
      `loading needs ${lacking.join(' and ')}, which kmem-run lacks here`,
      'run as root, or grant them (docker, podman: --cap-add)',
    ];
  if (inUserNamespace) return ['no program loads from a user namespace', 'run kmem-run outside the container'];
  if (lockedDown) return LOCKED_DOWN;
  if (seccompFilters) return ['a sandbox forbids bpf(2)', 'run kmem-run outside it, or have bpf(2) allowed there'];
  const what = program === null ? 'programs' : `the program ${program}`;
  return [`a policy of this kernel forbids ${what}`, 'ask the administrator of this machine to change it'];
}

function lackOf(program: string, { types }: Obstacles): Obstacle {
  if (program.startsWith('syscall/') && types)
    return ['this kernel does not list the symbols of its data', 'boot a kernel built with CONFIG_KALLSYMS_ALL'];
  if (!types)
    return [
      'this kernel does not describe its types (/sys/kernel/btf/vmlinux)',
      'boot a kernel built with CONFIG_DEBUG_INFO_BTF',
    ];
  if (program === 'fexit') return ['this kernel has no function that charges and refuses', 'use --enforce gate'];
  return [`this kernel has no tracepoint ${program.replace(/^.*\//, '')}`, 'boot a newer kernel'];
}
