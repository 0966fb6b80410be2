/* What is booked on each step: denials, the highest usage, and the account of the step that ended last. */
#ifndef KMEM_HELPER_ACCOUNTS_H
#define KMEM_HELPER_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "steps.h"

/* Not the gate: the kernel has a limit of its own, or our programs refuse in it (enforce.h). */
bool does_kernel_refuse(void);

/* Books what the kernel has refused since the last call. */
void book_failcnt(void);

/* A step's `failcnt`: the denials booked on it; -1 if it cannot be read. */
int64_t denials_of(const struct running *r);

/* Sends the final figures of the step that ended last: nothing more is booked on it. */
void close_account(void);

/* Books everything that happened so far on what has been running. */
void update_figures(void);

/* One of the runner's own steps begins, outside the group: what daemons do meanwhile is booked on it. */
void begin_outside(void);

/* Completes the event of a step's end with its figures.  First close the account of the previous step. */
void end_step(int index);

#endif
