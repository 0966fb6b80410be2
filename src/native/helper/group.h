/* Killing the group without the runner. */
#ifndef KMEM_HELPER_GROUP_H
#define KMEM_HELPER_GROUP_H

#include <sys/types.h>

/* A process in several directories is counted in each. */
int kill_group_once(void);

/* For when the runner is gone: kills until no process is left, then removes the directories and the lock file. */
void kill_and_remove_group(void);

/* Descendants outside the group (one moved itself away) end with the run too.  Returns their number. */
int kill_descendants(void);

/* Like fork(2), but the child is in the group of the memory controller (cgroup v2). */
pid_t fork_in_group(void);

/* In a child of the helper: it is killed when `parent` dies, and exits now if that has already happened. */
void end_with(pid_t parent);

/* Kills and reaps one of the helper's own processes, and sets its pid to -1. */
void kill_child(pid_t *child);

#endif
