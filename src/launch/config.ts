import { v1 } from '../cgroup/files.ts';
import type { Group } from '../cgroup/types.ts';
import type { GateConfig } from '../gate/protocol.ts';
import { DEFAULT_RESERVE } from '../gate/syscalls.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import type { Plan } from './plan.ts';

/** What the helper is told of this run. */
export function gateConfig(plan: Plan, spec: RunSpec, group: Group, lockFile: string): GateConfig {
  const gate = plan.mode === 'gate';
  return {
    gate,
    limit: gate ? spec.limits.kmem : null,
    reserve: spec.reserve ?? DEFAULT_RESERVE,
    errnoEnomem: spec.errno === 'enomem',
    aslr: spec.aslr,
    // Moving itself by `tasks` costs no RCU grace period, as moving a process by cgroup.procs does.
    join: [`${group.memory}/tasks`],
    lateJoin: group.pids === null || group.pids === group.memory ? [] : [`${group.pids}/tasks`],
    cloneInto: group.unified,
    kill: group.unified === null ? [] : [`${group.unified}/cgroup.kill`],
    directories: group.directories,
    usage: `${group.memory}/${v1.kmem.usage}`,
    max: `${group.memory}/${v1.kmem.maxUsage}`,
    reclaim: spec.reclaim && gate ? `${group.memory}/memory.force_empty` : null,
    trace: gate ? spec.traceGate : null,
    allowIoUring: spec.allowIoUring,
    lockFile,
    identity: plan.identity,
    cpus: spec.cpus,
  };
}
