import { existsSync } from 'node:fs';
import { v1, v2 } from '../cgroup/files.ts';
import { joinLeaf, runLeaf } from '../cgroup/leaves.ts';
import type { Group } from '../cgroup/types.ts';
import { SetupError } from '../errors.ts';
import type { GateConfig } from '../gate/protocol.ts';
import { DEFAULT_RESERVE } from '../gate/syscalls.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import type { Plan } from './plan.ts';

/** What the helper is told of this run. @throws SetupError `no-reclaim` */
export function gateConfig(plan: Plan, spec: RunSpec, group: Group, lockFile: string): GateConfig {
  const gate = plan.mode === 'gate';
  const native = plan.mode === 'native';
  return {
    gate,
    limit: gate ? spec.limits.kmem : null,
    reserve: spec.reserve ?? DEFAULT_RESERVE,
    errnoEnomem: spec.errno === 'enomem',
    aslr: spec.aslr,
    ...placesOf(group),
    kill: group.unified === null ? [] : [`${group.unified}/cgroup.kill`],
    directories: group.directories,
    ...countersOf(group),
    failcnt: native ? `${group.memory}/${v1.kmem.failcnt}` : null,
    attribute: native ? group.unified : null,
    reclaim: spec.reclaim && gate ? reclaimFile(group) : null,
    trace: gate ? spec.traceGate : null,
    inject: gate ? spec.inject : [],
    allowIoUring: spec.allowIoUring,
    lockFile,
    oomScore: plan.oomScore,
    identity: plan.identity,
    cpus: spec.cpus,
  };
}

type Places = Pick<GateConfig, 'join' | 'lateJoin' | 'joinInto' | 'cloneInto'>;

function placesOf({ version, memory, unified, pids }: Group): Places {
  const lateJoin = pids === null || pids === memory || pids === runLeaf(memory) ? [] : [`${pids}/tasks`];
  // Moving itself by `tasks` costs no RCU grace period, as moving a process by cgroup.procs does.
  if (version === 1) return { join: [`${memory}/tasks`], lateJoin, joinInto: null, cloneInto: unified };
  return { join: [], lateJoin, joinInto: joinLeaf(memory), cloneInto: runLeaf(memory) };
}

function countersOf({ version, memory }: Group): Pick<GateConfig, 'usage' | 'max' | 'refresh'> {
  if (version === 1)
    return { usage: `${memory}/${v1.kmem.usage}`, max: `${memory}/${v1.kmem.maxUsage}`, refresh: null };
  return { usage: `${memory}/${v2.stat}`, max: null, refresh: `${memory}/${v2.cpuStat}` };
}

/** A request that goes nowhere would be counted all the same. Source: cgroup-v2.rst, memory.reclaim. */
function reclaimFile({ version, memory }: Group): string {
  const path = `${memory}/${version === 1 ? v1.forceEmpty : v2.reclaim}`;
  if (existsSync(path)) return path;
  const reason = `--reclaim on: this kernel cannot be asked to reclaim a group's memory (there is no ${path})`;
  throw new SetupError('no-reclaim', reason, 'leave out --reclaim, or boot Linux 5.19 or newer, or use cgroup v1');
}
