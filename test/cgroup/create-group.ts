/** Creates a group as its first argument (JSON) says, in this process's namespaces, and prints what happened. */

import { createGroup } from '../../src/cgroup/group.ts';
import { readHierarchies } from '../../src/cgroup/hierarchies.ts';
import { removeGroup } from '../../src/cgroup/remove.ts';
import type { SetupError } from '../../src/errors.ts';

const request = JSON.parse(process.argv[2] ?? '{}');
try {
  const group = createGroup({ ...request, hierarchies: readHierarchies() });
  await removeGroup(group);
  console.log(JSON.stringify({ group }));
} catch (error) {
  const { code, message, hint } = error as SetupError;
  console.log(JSON.stringify({ code, message, hint }));
}
