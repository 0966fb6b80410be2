/*
 * Exact readings of a group's kernel memory on cgroup v2, by BPF programs (src/native/bpf/memory.bpf.c).
 *
 * That they are right is not inferred from the kernel's version: a child in the group allocates, and what the program
 * reads must be what memory.stat says.
 */
#ifndef KMEM_HELPER_READINGS_H
#define KMEM_HELPER_READINGS_H

#include <stdbool.h>
#include <stdint.h>

/* `read_stat`: memory.stat's figure, brought up to date.  False with errno: there are no such readings here. */
bool start_readings(int64_t (*read_stat)(void));

/* Bytes; -1: they are not exact any more. */
int64_t read_by_program(void);

/* The highest since the last reset, in bytes; -1: it is not known. */
int64_t peak_by_program(void);
void reset_peak_by_program(void);

#endif
