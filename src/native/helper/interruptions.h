/*
 * Calls that a signal takes back before they are received: they fail with EINTR in the caller, without a decision.  A
 * listener numbers its notifications in order, starting from a random number, and they are received in that order, so a
 * gap means such calls.  This includes calls that are restarted after a handler with SA_RESTART and calls whose caller
 * died. Source: Linux, kernel/seccomp.c: seccomp_next_notify_id(), seccomp_notify_recv().
 */
#ifndef KMEM_HELPER_INTERRUPTIONS_H
#define KMEM_HELPER_INTERRUPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Registers a new listener; `to_the_end`: a signal can also take back a received call (before Linux 5.19). */
void begin_listener(int listener, bool to_the_end);

/*
 * Call for each notification, in order of arrival; `counts`: count the calls lost before it.  True once, when calls of
 * this listener have been lost many times.
 */
bool note_id(int listener, uint64_t id, bool counts);

/* Call when a received call no longer has a caller to answer. */
void note_gone(int listener);

/*
 * Whether a call of this listener was ever lost.  The number of unrepaired calls does not show it: a fork copies a
 * context, and a caller that died leaves none.
 */
bool has_lost(int listener);

void note_repaired(int listener, int count);

/* The number not repaired. */
int64_t interruptions(void);

#endif
