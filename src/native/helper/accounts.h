/* What is booked on each step: denials, the highest usage, and the account of the one that ended last. */
#ifndef KMEM_HELPER_ACCOUNTS_H
#define KMEM_HELPER_ACCOUNTS_H

#include <stdint.h>

#include "steps.h"

/* Books what the kernel has refused since, under its own limit. */
void book_failcnt(void);

/* What `failcnt` of a step is: what is booked on it; -1: it cannot be read. */
int64_t denials_of(const struct running *r);

/* Sends the final figures of the step that ended last: nothing more is booked on it. */
void close_account(void);

/* All that has happened up to now is booked on what has run until now. */
void update_figures(void);

/* A step of the runner's own begins, outside the group: what daemons do meanwhile is booked on that. */
void begin_outside(void);

/* Ends the event of a step's end with its figures.  Close the account of the step before first. */
void end_step(int index);

#endif
