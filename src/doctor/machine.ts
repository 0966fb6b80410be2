/** What is there before anything is made. */

import { availableParallelism, release } from 'node:os';
import { findPlaces } from '../cgroup/place.ts';
import type { Hierarchies, Hierarchy } from '../cgroup/types.ts';
import { counted, shortSize } from '../report/words.ts';
import { readEnvironment } from '../result/environment.ts';
import { type Check, missing, note, ok, warning } from './check.ts';

/** The gate's policy has the numbers of these. */
const ARCHITECTURES = ['x64', 'arm64'];

export const kernel: Check = {
  name: 'kernel',
  remedy: 'run kmem-run on x86-64 or arm64: the gate knows the system calls of those',
  probe: () => {
    const found = `Linux ${release()} on ${process.arch}, ${counted(availableParallelism(), 'CPU')}`;
    return ARCHITECTURES.includes(process.arch) ? ok(found) : missing(found);
  },
};

export const hierarchies: Check = {
  name: 'hierarchies',
  remedy: 'mount cgroup v2, or the memory controller of cgroup v1; or name a directory of it: --parent DIR',
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
    if (swapTotal === null) return note('/proc/meminfo does not tell whether there is swap');
    if (swapTotal === 0) return ok('off');
    return warning(`on (${shortSize(swapTotal)}): what exceeds --mem may be swapped out instead of refused`);
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
