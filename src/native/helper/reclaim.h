/* The reclaimer: asks the kernel to reclaim, off the notification path, while calls wait for it. */
#ifndef KMEM_HELPER_RECLAIM_H
#define KMEM_HELPER_RECLAIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "request.h"

void start_reclaimer(void);

/* Queues the call until a reclaim has ended; false if none runs and none may start. */
bool defer(const struct request *r);

/* Reads the reclaimer's answer; false if there is none yet. */
bool end_reclaim(void);

/* The next call that was queued, or NULL after the last one. */
struct request *next_deferred(void);

int64_t reclaims_made(void);
bool is_reclaimer(pid_t pid);
void forget_reclaimer(void);
void dismiss_reclaimer(void);

#endif
