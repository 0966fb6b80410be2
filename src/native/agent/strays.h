/* What a run leaves running: its group is gone, so it had left that. */
#ifndef KMEM_AGENT_STRAYS_H
#define KMEM_AGENT_STRAYS_H

#include <stdbool.h>
#include <sys/types.h>

/* Once, in the guest's own root. */
void setup_strays(void);

/* Ends every process but ours (the agent, those given, and the kernel's).  `reap` is called meanwhile. */
bool end_strays(const pid_t *ours, int count, void (*reap)(void));

#endif
