/* The decision: is there room for a call's allocations? */
#ifndef KMEM_HELPER_DECIDE_H
#define KMEM_HELPER_DECIDE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "approvals.h"
#include "request.h"

/*
 * Whether to deny the call; sets `table_denied` if the descriptor table is the reason, and `later`.  A call that is not
 * denied is allowed: the room that it needs is held for it.
 */
bool over_limit(struct request *r, int64_t usage);

/* The limit has changed: the next decision reads the counter. */
void forget_usage(void);

int64_t usage_for_decision(void);

#endif
