/** Remedies for errors of a run for which the run itself could only refer to kmem-run doctor. */

import type { SetupError } from '../errors.ts';

const OUTSIDE =
  'run kmem-run outside the sandbox that forbids it, or allow it there (docker, podman: --security-opt seccomp=unconfined)';

const PARENT = 'choose a directory of that hierarchy that you own: --parent DIR';

const byCode: Readonly<Record<string, string>> = {
  'cannot-join': 'also own the files that admit processes: chown USER DIR/tasks DIR/cgroup.procs; or run as root',
  'limit-not-set': PARENT,
};

/** By the stage at which the helper gave up. */
const byStage: Readonly<Record<string, string>> = {
  counter:
    'boot a kernel that counts kernel memory (CONFIG_MEMCG, for cgroup v1 also CONFIG_MEMCG_V1, and no cgroup.memory=nokmem)',
  fork: `${OUTSIDE}; it needs clone3(2) or fork(2), and write access to the cgroups that are joined`,
  'fork-joiner': 'raise the limit on processes (ulimit -u, or pids.max of a cgroup above)',
  guardian: 'raise the limit on processes (ulimit -u, or pids.max of a cgroup above)',
};

/** The error's own hint, unless it would lead back here. */
export function remedyOf({ code, message, hint }: Pick<SetupError, 'code' | 'message' | 'hint'>): string {
  const stage = code === 'helper-failed' ? (/ failed at "([a-z-]+)"/.exec(message)?.[1] ?? '') : '';
  const known = byStage[stage] ?? byCode[code];
  if (known !== undefined) return known;
  if (!hint.includes('kmem-run doctor')) return hint;
  return code === 'group-not-made' ? PARENT : OUTSIDE;
}

export { OUTSIDE };
