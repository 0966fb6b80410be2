/* Counting and reporting failures. */
#ifndef KMEM_HELPER_FAILURES_H
#define KMEM_HELPER_FAILURES_H

#include <stdbool.h>
#include <stdint.h>

#include "request.h"

enum { MAX_FAILURES_IN_FULL = 1000 };

struct tally {
  uint64_t denials, refusals, gated_calls, failures_sent, failures_dropped;
  uint64_t uncounted; /* denials that found no free row in the table of counts */
};

/*
 * Writes the event of a failure.  It is read from the caller while the caller still waits, so call this before
 * answering.
 */
bool prepare_failure(const struct request *r, int64_t usage, int error, uint64_t now, const char *comm, bool injected);

/* Counts a denied call, and sends its event if that is `prepared`. */
void count_denial(const struct request *r, int error, const char *comm, bool prepared);

/* A page fault of `comm` over the limit, ended by a signal; `call`: the system call it was in, or -1. */
void count_fault(const char *comm, int call);

/* Whether another one is reported in full. */
bool may_report_failure(void);
void note_reported(bool sent);

void count_gated_call(void);
const struct tally *failure_tally(void);

/* One event for each (comm, call, errno); page faults have an errno of 0 and the number of the call. */
void send_failure_counts(void);

#endif
