/* Ending the group without the runner. */
#ifndef KMEM_HELPER_GROUP_H
#define KMEM_HELPER_GROUP_H

#include <sys/types.h>

/* A process that is in several directories counts in each. */
int kill_group_once(void);

/* For when the runner is gone: kills until nothing is left, and removes the directories and the lock file. */
void kill_and_remove_group(void);

/* Descendants outside the group (one moved itself away) end with the run too.  Returns how many there were. */
int kill_descendants(void);

/* As fork(2); the child is in the group of the memory controller (cgroup v2). */
pid_t fork_in_group(void);

/* In a child of the helper's: it is killed when `parent` dies, and ends now if that has happened meanwhile. */
void end_with(pid_t parent);

/* Kills and reaps one of the helper's own processes, and sets its pid to -1. */
void kill_child(pid_t *child);

#endif
