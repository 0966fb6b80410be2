/** A program in a group, without the gate: does it start, and does the kernel count for it? */

import { v1, v2 } from '../cgroup/files.ts';
import { setupErrorOf } from '../launch/setup-errors.ts';
import { headline } from '../report/headline.ts';
import { shortSize } from '../report/words.ts';
import { type Check, missing, ok, refused } from './check.ts';
import { group } from './group.ts';
import { helper } from './helper.ts';
import { OUTSIDE } from './remedies.ts';

export const start: Check = {
  name: 'start',
  needs: [helper, group],
  remedy: OUTSIDE,
  probe: async (bench) => {
    const { result } = await bench.trial();
    if (result.outcome === 'passed') return ok('a program joins the group, starts and ends there');
    return missing(`a program that does nothing: ${headline(result)}`);
  },
};

export const randomisation: Check = {
  name: 'randomisation',
  needs: [start],
  remedy: 'give --aslr',
  probe: async (bench) => {
    const { randomised } = await bench.trial();
    return randomised === null ? ok('of addresses can be turned off') : refused('missing', randomised);
  },
};

export const counter: Check = {
  name: 'counter',
  needs: [start],
  remedy: 'boot without cgroup.memory=nokmem',
  probe: async (bench) => {
    const { maxUsage } = (await bench.trial()).result.kmem;
    if (maxUsage !== null && maxUsage > 0)
      return ok(`kmem moves: ${shortSize(maxUsage)} for a program that does nothing`);
    const isV2 = bench.hierarchies().memory?.version === 2;
    // A sum that lacks a part is not printed: told as a run tells it.
    const stage = isV2 && maxUsage === null ? 'not-told' : 'not-accounted';
    const subject = isV2 ? v2.stat : v1.kmem.usage;
    return refused('missing', setupErrorOf({ event: 'setup-error', stage, errno: 0, subject }, ''));
  },
};
