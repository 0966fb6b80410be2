/*
 * Calls that a signal takes back before they are received: they fail with EINTR in the caller, and nobody is asked.  A
 * listener numbers its notifications in order, from a random number on, and they are received in that order, so a gap
 * is such calls.  Those that a handler with SA_RESTART makes again and those whose caller died are among them.
 * Source: Linux, kernel/seccomp.c: seccomp_next_notify_id(), seccomp_notify_recv().
 */
#ifndef KMEM_HELPER_INTERRUPTIONS_H
#define KMEM_HELPER_INTERRUPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* A listener is new; `to_the_end`: a signal can take back a call that has been received too (before Linux 5.19). */
void begin_listener(int listener, bool to_the_end);

/*
 * Each notification, in the order of arrival; `counts`: what was lost before it is to be counted.  True once: calls of this
 * listener were lost at many times.
 */
bool note_id(int listener, uint64_t id, bool counts);

/* A call that had been received had no caller to answer any more. */
void note_gone(int listener);

/*
 * Whether a call of this listener was ever lost.  How many are not repaired yet does not tell: a fork copies a context, and
 * of callers that died no context is left.
 */
bool has_lost(int listener);

void note_repaired(int listener, int count);

/* Those that were not repaired. */
int64_t interruptions(void);

#endif
