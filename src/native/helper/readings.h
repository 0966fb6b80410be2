/*
 * Exact readings of a group's kernel memory on cgroup v2, by BPF programs (src/native/bpf/memory.bpf.c).
 *
 * Their correctness is not inferred from the kernel's version: a child in the group allocates, and the program's
 * reading must equal that of memory.stat.
 */
#ifndef KMEM_HELPER_READINGS_H
#define KMEM_HELPER_READINGS_H

#include <stdbool.h>
#include <stdint.h>

/* `read_stat`: memory.stat's figure, refreshed.  False with errno if such readings are unavailable here. */
bool start_readings(int64_t (*read_stat)(void));

/* Bytes; -1 if they are no longer exact. */
int64_t read_by_program(void);

/*
 * Groups below the run's have been removed: what they left is determined from memory.stat.  The programs that refuse
 * need it; readings remain inexact.  Call it now and then.
 */
void correct_removed(int64_t (*read_stat)(void));

/* The highest since the last reset, in bytes; -1: it is not known. */
int64_t peak_by_program(void);
void reset_peak_by_program(void);

#endif
