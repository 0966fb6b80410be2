/*
 * The highest usage.
 *
 * Where the kernel does not keep the highest usage it is that of all readings: as many as can be had for a tenth of the
 * time, before gated calls and by a timer, and one before each exit.  In between it can have been higher by about as much
 * as the largest rise from one reading to the next.
 */
#ifndef KMEM_HELPER_PEAK_H
#define KMEM_HELPER_PEAK_H

#include <stdbool.h>
#include <stdint.h>

int64_t read_usage(void);
bool may_read_again(uint64_t now);
void handle_reading(void);
void start_reading(void);

/* The highest since it was forgotten, for all that it matters to. */
void note_max(void);

/* Before the first step there is none. */
void note_run_max(void);

int64_t max_of_run(void);
void reset_max(void);

/* The highest since the limit has changed, or since reset_limit_max. */
int64_t max_of_limit(void);

/* The same with what was read since. */
int64_t max_of_limit_so_far(void);

void reset_limit_max(void);
int64_t peak_of_readings(void);
int64_t largest_rise(void);

/* The kernel's own count of refusals, or -1. */
int64_t read_failcnt(void);

void open_kernel_counters(void);

#endif
