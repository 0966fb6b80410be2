/** What exists before anything is created. */

import { availableParallelism, release } from 'node:os';
import { findPlaces } from '../cgroup/place.ts';
import { readSurroundings } from '../cgroup/surroundings.ts';
import type { Hierarchies, Hierarchy } from '../cgroup/types.ts';
import { SetupError } from '../errors.ts';
import { execa } from '../host/execa.ts';
import { listKernels } from '../kernels/list.ts';
import { readEnvironment } from '../result/environment.ts';
import { counted, shortSize } from '../text/figures.ts';
import { findQemu } from '../vm/qemu.ts';
import { type Check, type CheckFinding, missing, note, ok, warning } from './check.ts';

/** Architectures with numbers in the gate's policy. */
const ARCHITECTURES = ['x64', 'arm64'];

export const kernel: Check = {
  name: 'kernel',
  remedy: 'run kmem-run on x86-64 or arm64: the gate supports only these',
  probe: () => {
    const found = `Linux ${release()} on ${process.arch}, ${counted(availableParallelism(), 'CPU')}`;
    return ARCHITECTURES.includes(process.arch) ? ok(found) : missing(found);
  },
};

export const hierarchies: Check = {
  name: 'hierarchies',
  remedy: 'mount cgroup v2 or the memory controller of cgroup v1, or name a directory of its hierarchy: --parent DIR',
  probe: (bench) => {
    const found = bench.hierarchies();
    findPlaces(found, bench.parent);
    return ok(`${found.layout}: ${describe(found)}`);
  },
};

export const swap: Check = {
  name: 'swap',
  remedy: 'with --mem give --memsw the same size, or turn swap off: swapoff -a',
  probe: () => {
    const { swapTotal } = readEnvironment({ layout: 'none', aslr: false, cold: null });
    if (swapTotal === null) return note('/proc/meminfo does not show whether there is swap');
    if (swapTotal === 0) return ok('off');
    return warning(`on (${shortSize(swapTotal)}): memory above --mem may be swapped out instead of refused`);
  },
};

function describe({ memory, unified, pids }: Hierarchies): string {
  const kinds: [string, Hierarchy | null][] = [
    ['memory', memory],
    ['unified', unified],
    ['pids', pids],
  ];
  return kinds
    .flatMap(([kind, hierarchy]) => (hierarchy === null ? [] : [`${kind} ${describeOne(hierarchy)}`]))
    .join(', ');
}

function describeOne({ mountPoint, own, version, readOnly }: Hierarchy): string {
  const place = own === null ? 'own cgroup not shown' : `in ${own.slice(mountPoint.length) || '/'}`;
  return `at ${mountPoint} (v${version}${readOnly ? ', read-only' : ''}, ${place})`;
}

export const helper: Check = {
  name: 'helper',
  remedy: 'reinstall kmem-run, on a file system that allows programs',
  probe: async (bench) => {
    // Compiled now if need be; a missing compiler is a SetupError that names the package.
    const path = bench.helper();
    const { exitCode, shortMessage } = await execa(path, ['locks'], { reject: false });
    return exitCode === 0 ? ok(path) : missing(`${path} cannot be started: ${shortMessage}`);
  },
};

export const container: Check = {
  name: 'container',
  remedy: 'run kmem-run outside the container',
  probe: () => {
    const { namespaces, engine, seccompFilters, noNewPrivs } = readSurroundings();
    const restrictions = [
      ...(namespaces.length > 0
        ? [`${counted(namespaces.length, 'namespace')} of its own (${namespaces.join(', ')})`]
        : []),
      ...(seccompFilters !== null && seccompFilters > 0 ? [counted(seccompFilters, 'seccomp filter')] : []),
      ...(noNewPrivs ? ['no_new_privs'] : []),
    ];
    if (restrictions.length === 0) return ok('none: kmem-run has no namespaces of its own and no seccomp filter');
    const kind = namespaces.length === 0 ? 'none, but confined' : (engine ?? 'of an unknown kind');
    return note(`${kind}: ${restrictions.join(', ')}`);
  },
};

export const microvm: Check = {
  name: 'microvm',
  remedy: 'kmem-run kernel add 5.10',
  probe: async () => {
    const qemu = await valueOrReason(() => findQemu(process.arch === 'arm64' ? 'aarch64' : 'x86_64'));
    if (qemu instanceof SetupError) return without(qemu);
    const kernels = await valueOrReason(() => listKernels(false));
    if (kernels instanceof SetupError) return without(kernels);
    if (kernels.length === 0) return note(`${qemu}, and no kernel for --kernel (kmem-run kernel add 5.10)`);
    const damaged = kernels.find(({ mend }) => mend !== null);
    if (damaged !== undefined) return warning(`kernel ${damaged.name} is damaged`, damaged.mend ?? undefined);
    return ok(`${qemu}, kernels ${kernels.map(({ name }) => name).join(', ')}`);
  },
};

/** A run on the host does not need it. */
function without({ message, hint }: SetupError): CheckFinding {
  return note(`no --kernel: ${message} (${hint})`);
}

async function valueOrReason<T>(give: () => T | Promise<T>): Promise<T | SetupError> {
  try {
    return await give();
  } catch (error) {
    if (error instanceof SetupError) return error;
    throw error;
  }
}
