/* Counting and reporting failures. */
#ifndef KMEM_HELPER_FAILURES_H
#define KMEM_HELPER_FAILURES_H

#include <stdbool.h>
#include <stdint.h>

#include "request.h"

enum { MAX_FAILURES_IN_FULL = 1000 };

struct tally {
  uint64_t denials, refusals, gated_calls, failures_sent, failures_dropped;
  uint64_t uncounted; /* denials for which the table of counts had no row left */
};

/* Writes the event of a failure.  It is read from the caller while that still waits, so call this before the answer. */
bool prepare_failure(const struct request *r, int64_t usage, int error, uint64_t now, const char *comm, bool injected);

/* Counts a call that has been denied, and sends its event if that is `prepared`. */
void count_denial(const struct request *r, int error, const char *comm, bool prepared);

/* A page fault of `comm` over the limit, which a signal has ended; `call`: in which system call, -1 if in none. */
void count_fault(const char *comm, int call);

/* Whether one more is reported in full. */
bool may_report_failure(void);
void note_reported(bool sent);

void count_gated_call(void);
const struct tally *failure_tally(void);

/* One event for each (comm, call, errno); page faults have an errno of 0 and the number of the call. */
void send_failure_counts(void);

#endif
