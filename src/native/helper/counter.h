/*
 * The counter of the group's kernel memory.
 *
 * cgroup v1 has a file with one exact number and records the highest, and so does our module (src/native/module).  v2
 * does not record it, and reports kernel memory in memory.stat, which the kernel updates late: after changes of more
 * than 64 pages per CPU, or after 2 s.
 *
 *   refreshed   up to Linux 6.15 a read of the group's cpu.stat brings it up to date
 *   flushed     from 6.16 on that is another matter.  But all changes count alike: pages of a file that are charged to
 *               the group, mapped and unmapped by us, are enough of them after a few rounds
 *   late        neither: before 5.13, or not found out yet
 *
 * If BPF programs load, it is summed: one adds up the values of all CPUs (readings.h), which is exact at any time, and
 * others observe the highest usage.
 *
 * The kind is determined before the first step: a process placed in the group has the file's pages charged to it, and
 * the mapped bytes in memory.stat must follow as we map and unmap them.
 */
#ifndef KMEM_HELPER_COUNTER_H
#define KMEM_HELPER_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

enum freshness { EXACT, LATE, REFRESHED, FLUSHED, SUMMED };

/* Before 5.18 the kernel does not add it up itself. */
int64_t kernel_memory(const char *text);

void prepare_counter(long cpus);

/* Uses readings by a program, if they work here; call after prepare_counter. */
void sum_counter(void);
bool open_counter(void);
int64_t read_counter(void);

/* Keeps what BPF programs sum up right although groups have been removed; call it now and then. */
void correct_counter(void);

/* The maximum error of a reading: per-CPU changes that have not been flushed. */
int64_t counter_lag(long cpus);

enum freshness counter_freshness(void);

/* The latest reading is the highest: saves its parts. */
void keep_parts(void);

/* A value from memory.stat at the highest reading, or -1. */
int64_t part_at_peak(const char *key);

#endif
