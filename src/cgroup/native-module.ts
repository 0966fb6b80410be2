/** The limit of the module kmem_native (src/native/module), for one group at a time. */

import { statSync } from 'node:fs';
import { writeControl } from './files.ts';
import type { Group } from './types.ts';

/** Has the files of cgroup v1, and `group`. */
export const MODULE_FILES = '/proc/kmem_native';

/** The group's kernel memory, counted from now on, and limited when its limit is written. It must be empty. */
export function countByModule(group: Group): Group {
  // The number of the directory is the kernel's number of the cgroup.
  writeControl(`${MODULE_FILES}/group`, String(statSync(group.memory, { bigint: true }).ino));
  return { ...group, kmem: MODULE_FILES };
}

/** The module then does nothing until the next group. */
export function forgetByModule({ kmem }: Group): void {
  if (kmem === MODULE_FILES) writeControl(`${MODULE_FILES}/group`, '0');
}
