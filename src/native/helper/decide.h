/* The decision: is there room for what a call allocates? */
#ifndef KMEM_HELPER_DECIDE_H
#define KMEM_HELPER_DECIDE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "request.h"

/* Called for each notification: the task's previous call is done, and so are calls of long ago. */
void drop_approval(pid_t tid);

/* What it needs is not in the counter yet.  `tid` 0: a child that is not known yet. */
void add_approval(pid_t tid, int64_t need);

/* Whether to deny the call; sets `table_denied` if that is for the table of descriptors, and `later`. */
bool over_limit(struct request *r, int64_t usage);

/* The limit has changed: the next decision reads the counter. */
void forget_usage(void);

int64_t usage_for_decision(void);

#endif
