/*
 * Calls that were allowed and are not known to have been charged yet.  Without this, several simultaneous calls would
 * all be allowed for the same room: each sees the counter before the others have charged.
 *
 * A call is over when its task makes the next one, when the task is seen elsewhere, or when the child of this call
 * makes one; after 50 ms it is no longer waited for, unless its task lacks a CPU.  A child has started when it waits
 * for something or has had its first page faults.
 */
#ifndef KMEM_HELPER_APPROVALS_H
#define KMEM_HELPER_APPROVALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "request.h"

/* A program that may start: it charges up to its first calls. */
void hold_exec(const struct request *r);

/* Page faults of a child that is not known yet. */
void expect_faults(int64_t need);

/* A call that charges before it returns. */
void hold_call(const struct request *r, int64_t need);

/* A child is being forked: its first page faults. */
void expect_child(pid_t parent);

/* Called for each notification: the task's previous call is done, and so are old calls. */
void drop_approval(pid_t tid);

/* Drops the calls that are visibly over; true if there were any.  Reads /proc: only before a denial. */
bool drop_finished(const struct request *r);

/* Bytes of room held for allowed calls. */
int64_t approved_room(void);

/* Bytes withheld from forks: for page faults of children that were just forked. */
int64_t expected_room(void);

#endif
