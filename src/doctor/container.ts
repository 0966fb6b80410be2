/** Whether kmem-run is in a container: it decides what the other findings' remedies are, and is no lack by itself. */

import { readSurroundings } from '../cgroup/surroundings.ts';
import { counted } from '../report/words.ts';
import { type Check, note, ok } from './check.ts';

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
    if (restrictions.length === 0) return ok('none: no namespaces but those of the machine, and no seccomp filter');
    const kind = namespaces.length === 0 ? 'none, but confined' : (engine ?? 'of an unknown kind');
    return note(`${kind}: ${restrictions.join(', ')}`);
  },
};
