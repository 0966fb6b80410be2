/* The run as a whole: its clock, which begins when the first step is released, and its end. */
#ifndef KMEM_HELPER_RUN_H
#define KMEM_HELPER_RUN_H

#include <stdbool.h>
#include <stdint.h>

/* Starts the clock; later calls change nothing. */
void start_run(uint64_t now);

/* When the clock started, or 0. */
uint64_t run_start(void);

/* Nanoseconds from the start to `now`; 0 before the start. */
int64_t since_start(uint64_t now);

/* After "close" nothing is denied, counted or measured. */
void end_run(void);

bool is_closed(void);

#endif
