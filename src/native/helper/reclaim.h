/*
 * The reclaimer: makes room off the notification path, while calls wait for it.
 *
 * The charges of an exited process remain until an RCU grace period has passed, so a limit would depend on speed.
 * Before a denial it waits for one, repeatedly if that frees memory, if a process of the group has exited since the
 * last wait; with reclaim on it also asks the kernel to reclaim.
 */
#ifndef KMEM_HELPER_RECLAIM_H
#define KMEM_HELPER_RECLAIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "request.h"

void start_reclaimer(void);

/* Queues the call until a reclaim has finished; false if none is running and none may start. */
bool defer(const struct request *r);

/* The same for the call that next_deferred() returned last, if the reclaim was started for another one. */
bool defer_again(const struct request *r);

/*
 * How long its answer may still take, in ms, or -1 if no call waits for it.  A late reclaimer (it was stopped) is
 * killed, and its socket then reports that.
 */
int mind_reclaimer(void);

/* Reads the reclaimer's answer; false if there is none yet. */
bool end_reclaim(void);

/* The next queued call, or NULL after the last one. */
struct request *next_deferred(void);

int64_t reclaims_made(void);

/* A process or thread of the group exits: a wait may free its memory. */
void note_end(void);

struct rcu_waits {
  uint64_t count, waited_ns;
};
struct rcu_waits rcu_waits(void);

bool is_reclaimer(pid_t pid);
void forget_reclaimer(void);
void dismiss_reclaimer(void);

#endif
