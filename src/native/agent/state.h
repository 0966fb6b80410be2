/*
 * What a run may change in the kernel that no namespace, mount or group takes with it.  It is listed once, before the
 * first run, and after each: the first difference is told, and the host boots another guest.
 */
#ifndef KMEM_AGENT_STATE_H
#define KMEM_AGENT_STATE_H

#include <sys/types.h>

/* In the guest's own root, where nothing of a run is mounted.  `runner` is looked at, too. */
void note_state(pid_t runner);

/* NULL, or what has changed. */
const char *changed_state(pid_t runner);

#endif
