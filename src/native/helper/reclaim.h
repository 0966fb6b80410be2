/*
 * The reclaimer: makes room off the notification path, while calls wait for it.
 *
 * What a process that has ended was charged stays charged until a grace period of RCU has passed, so that a limit would
 * depend on speed.  Before a denial it waits for one, several times if that frees something, if a process of the group has
 * ended since the last wait; with reclaim on it also asks the kernel to reclaim.
 */
#ifndef KMEM_HELPER_RECLAIM_H
#define KMEM_HELPER_RECLAIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "request.h"

void start_reclaimer(void);

/* Queues the call until a reclaim has ended; false if none runs and none may start. */
bool defer(const struct request *r);

/* The same for the call that next_deferred() named last, if the reclaim was begun for another one. */
bool defer_again(const struct request *r);

/*
 * How long its answer may still take, in ms, or -1: nobody waits for it.  One that is too late (somebody stopped it) is
 * killed, and its socket says so.
 */
int mind_reclaimer(void);

/* Reads the reclaimer's answer; false if there is none yet. */
bool end_reclaim(void);

/* The next call that was queued, or NULL after the last one. */
struct request *next_deferred(void);

int64_t reclaims_made(void);

/* A process or thread of the group ends: a wait may free what it leaves. */
void note_end(void);

struct rcu_waits {
  uint64_t count, waited_ns;
};
struct rcu_waits rcu_waits(void);

bool is_reclaimer(pid_t pid);
void forget_reclaimer(void);
void dismiss_reclaimer(void);

#endif
