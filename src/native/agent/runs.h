/* Runs that the runner makes one after the other, each in a room and namespaces of its own. */
#ifndef KMEM_AGENT_RUNS_H
#define KMEM_AGENT_RUNS_H

#include <sys/types.h>

/* Once, in the guest's own root. */
void setup_runs(void);

void open_run(void);

/* Whom the helper's processes join. */
pid_t run_holder(void);

/* Ends what the run has left running, so that nobody writes any more.  `keeper`: of the terminal, or -1. */
void end_run(void (*reap)(void));

/* NULL: the kernel is as it was before the first run.  Otherwise what is left. */
const char *close_run(void);

#endif
