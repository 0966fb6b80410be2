/**
 * What a group looks like on cgroup v2. The group itself has the limits and is what counts; its processes are in a leaf,
 * and the helper's joiner, which starts them, is in another one. The memory controller is not handed down to the leaves,
 * so that what either allocates is charged to the group; the pids controller is, so that the joiner is none of the
 * processes that are counted and limited.
 */

/** Where the command runs, and all that it starts. */
export const runLeaf = (group: string): string => `${group}/run`;

/** Where the joiner is while it starts the command. */
export const joinLeaf = (group: string): string => `${group}/join`;
