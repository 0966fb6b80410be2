/* The life of a step: from the joiner's start to the command's exit.  The protocol is in main.c, "Hand-over". */
#ifndef KMEM_HELPER_HANDOVER_H
#define KMEM_HELPER_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"
#include "request.h"
#include "steps.h"

/* A call was denied: if it is our own call that starts the step, the step was not started. */
void note_own_denial(const struct request *r);

/* The joiner's first call on v2.  It is neither charged to the group nor part of what is run. */
bool is_deputy_clone(pid_t tid);

/* A call of this step was seen: its filter works. */
void note_notified(int index);

void begin_step(struct step_request *request);

/* The usage of a group that contains a task: the task's stack and address space are charged, unless nothing is. */
int64_t usage_of_task(void);

void handle_status(void);
void handle_command_exit(struct running *r, int status);
void handle_joiner_exit(void);

#endif
