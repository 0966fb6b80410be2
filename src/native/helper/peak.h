/*
 * The highest usage.
 *
 * If the kernel does not record the highest usage, the highest of all readings is used: as many as fit in a tenth of
 * the time, before gated calls and by a timer, and one before each exit.  In between, the usage may have been higher by
 * about the largest rise from one reading to the next.
 */
#ifndef KMEM_HELPER_PEAK_H
#define KMEM_HELPER_PEAK_H

#include <stdbool.h>
#include <stdint.h>

int64_t read_usage(void);
bool may_read_again(uint64_t now);
void handle_reading(void);
void start_reading(void);

/* Records the highest since the last reset for all that depends on it. */
void note_max(void);

/* Does nothing before the first step. */
void note_run_max(void);

int64_t max_of_run(void);
void reset_max(void);

/* The highest since the last change of the limit, or since reset_limit_max. */
int64_t max_of_limit(void);

/* The same, including later readings. */
int64_t max_of_limit_so_far(void);

void reset_limit_max(void);
int64_t peak_of_readings(void);
int64_t largest_rise(void);

/* The kernel's own count of refusals, or -1. */
int64_t read_failcnt(void);

void open_kernel_counters(void);

#endif
