/** Inspects what earlier runs left behind, and changes nothing. */

import { collectLeftovers, type Fate, type ProbeLocks } from '../cgroup/collect.ts';
import type { Leftover } from '../cgroup/leftovers.ts';
import { SetupError } from '../errors.ts';
import { helperPath, probeLocks } from '../gate/helper.ts';
import { collectRemains } from '../host/temporary.ts';
import { counted } from '../text/figures.ts';
import { type Check, ok, warning } from './check.ts';
import { helper, hierarchies } from './machine.ts';

/** The owner of the group, if it is another user and we are not root; null: ours to check and to remove. */
export function foreignOwner({ uid }: Leftover): number | null {
  const own = process.geteuid?.() ?? 0;
  return own === 0 || uid === null || uid === own ? null : uid;
}

/**
 * Uses the native helper, which is located only when there is a lock to test.
 * @throws SetupError `locks-not-probed`, and those of helperPath()
 */
export const proveLocks: ProbeLocks = async (paths) => {
  if (paths.length === 0) return new Map();
  const states = await probeLocks(helperPath(), paths);
  if (paths.every((path) => states.has(path))) return states;
  throw new SetupError(
    'locks-not-probed',
    'the native helper does not report which runs are alive',
    'run kmem-run doctor, which checks the helper',
  );
};

export const leftovers: Check = {
  name: 'leftovers',
  needs: [hierarchies, helper],
  remedy: 'kmem-run gc',
  probe: async (bench) => {
    const { groups } = await collectLeftovers(bench.hierarchies(), proveLocks, { dryRun: true });
    const own = groups.filter(({ leftover }) => foreignOwner(leftover) === null);
    const count = (wanted: Fate['fate']) => own.filter(({ fate }) => fate === wanted).length;
    const [gone, held, unjudged, foreign] = [
      count('removable'),
      count('held'),
      count('unjudged'),
      groups.length - own.length,
    ];
    const rest = [
      ...(held > 0 ? [`${counted(held, 'run')} in progress`] : []),
      ...(foreign > 0 ? [`${counted(foreign, 'group')} of other users`] : []),
    ]
      .map((text) => `; ${text}`)
      .join('');
    const files = collectRemains({ force: false, dryRun: true }).filter(({ fate }) => fate === 'removable').length;
    const unknown = `${counted(unjudged, 'group')} without a lock`;
    const dead = [
      ...(gone > 0 ? [`${counted(gone, 'group')} of runs that are gone`] : []),
      ...(files > 0
        ? [`${counted(files, 'temporary file or folder', 'temporary files or folders')} of runs that are gone`]
        : []),
    ].join('; ');
    if (dead !== '') return warning(`${dead}${unjudged > 0 ? `; ${unknown}` : ''}${rest}`);
    if (unjudged > 0)
      return warning(`${unknown}${rest}`, 'if no other container runs kmem-run here: kmem-run gc --force');
    return ok(`none${rest}`);
  },
};
