/** BPF programs: each kind is loaded, attached and given something to observe. Runs work without them. */

import type { Bench, ProgramKind } from './bench.ts';
import { type Check, type CheckFinding, note, ok } from './check.ts';
import { group } from './group.ts';
import { enforcesLimit } from './limits.ts';
import { helper, hierarchies } from './machine.ts';
import { obstacleTo, readObstacles } from './obstacles.ts';

/** `works` and `without`: what a run gets with these programs, and without them. */
type Watching = Readonly<{ kind: ProgramKind; works: string; without: string }>;

/** None of these findings is a warning or missing: the finding includes the remedy. */
const remedy = 'optional: runs work without them and report what was not watched';
const needs = [hierarchies, helper];

async function tryPrograms(bench: Bench, { kind, works, without }: Watching): Promise<CheckFinding> {
  const programs = await bench.programs();
  const trial = programs.of(kind);
  if (trial.works) return ok(`${works}; a BPF program was loaded and triggered`);
  return note(`${without}; ${obstacleTo(trial, readObstacles(programs.types))}`);
}

export const pageFaults: Check = {
  name: 'page-faults',
  needs,
  remedy,
  probe: (bench) =>
    tryPrograms(bench, {
      kind: 'faults',
      works: 'a signal ends page faults over the kmem limit (--on-fault)',
      without: 'page faults over the kmem limit are measured, not ended',
    }),
};

export const exactUsage: Check = {
  name: 'exact-usage',
  needs,
  remedy,
  probe: (bench) => {
    if (bench.hierarchies().memory?.version === 1) return ok('cgroup v1 counts exactly; no program is needed');
    return tryPrograms(bench, {
      kind: 'readings',
      works: 'usage and peak on cgroup v2 are exact',
      without: 'on cgroup v2 the peak is the highest of many readings, with an uncertainty',
    });
  },
};

export const moves: Check = {
  name: 'moves',
  needs,
  remedy,
  probe: (bench) =>
    tryPrograms(bench, {
      kind: 'moves',
      works: 'each task that leaves the group or enters it is reported',
      without: 'a task that leaves the group is reported only if it opens a cgroup file to do so',
    }),
};

export const kernelEnforcement: Check = {
  name: 'enforce-kernel',
  needs,
  remedy: 'optional: --enforce gate needs no program',
  probe: async (bench) => {
    const programs = await bench.programs();
    if (programs.of('allocations').works)
      return ok('--enforce kernel refuses each allocation; tried with BPF programs');
    const objects = programs.of('objects');
    if (objects.works)
      return ok('--enforce kernel refuses files, inodes, sockets and mappings; tried with BPF programs');
    return note(`--enforce kernel does not work; ${obstacleTo(objects, readObstacles(programs.types))}`);
  },
};

export const refusals: Check = {
  name: 'refusals',
  needs: [...needs, group],
  remedy,
  probe: async (bench) => {
    if (!(await enforcesLimit(bench))) return note('not needed: this kernel enforces no kmem limit itself');
    return tryPrograms(bench, {
      kind: 'refusals',
      works: 'calls that fail under --enforce native are named',
      without: 'under --enforce native refused charges are counted, but failed calls are not named',
    });
  },
};
