/*
 * Page faults over the limit, which no gate sees: a BPF program ends them by a signal (src/native/bpf/memory.bpf.c).
 * It is attached before the first step, and detached when our descriptors close.
 */
#ifndef KMEM_HELPER_FAULTS_H
#define KMEM_HELPER_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* If this fails, the run continues without it, and the runner is told why. */
void watch_faults(void);

/* Counts and reports pending events. */
void read_faults(void);

/* Call when the limit has changed or the run is over. */
void update_fault_limit(void);

void stop_watching_faults(void);

struct fault_tally {
  uint64_t pages, bytes; /* those over the limit, whether ended or not */
  uint64_t lost;
};

/* All zero if nothing is watched. */
struct fault_tally fault_tally(void);

bool are_faults_watched(void);

#endif
