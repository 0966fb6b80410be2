/*
 * What the kernel itself refuses, where it is the kernel that enforces the limit.
 *
 * Under the kernel's own limit nobody asks us: a charge fails somewhere inside a call, and the call may return an
 * error, return another one, or get by without.  Four small BPF programs (probes.h) detect which, so that nothing is
 * lost however many calls fail, and a task that never reaches the limit costs only a look-up in an empty table.
 *
 * A plain ENOENT is not a failure, nor is a refusal that the kernel recovers from.  Failures are counted by (comm,
 * call, errno); the first go into a ring that has room for all of them.
 *
 * Livelock.  A page fault that needs a page table at the limit fails, returns to the same instruction and fails again,
 * for ever: seconds of refusals in page faults of one task, with no call and no granted charge between, while its
 * system time grows.  The rate is no indication: an honest retry loop fails faster.
 *
 * Everything depends on our descriptors: the kernel removes it when we die, or when "close" closes them.
 */
#ifndef KMEM_HELPER_REFUSALS_H
#define KMEM_HELPER_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

void read_refusals(void);

/* Two looks are needed: the first finds a suspect, a later one that only its system time has grown. */
void check_livelock(void);

void send_refusal_counts(void);

/* The joiner allocates for the group before joining it in the unified hierarchy. */
void note_joiner(pid_t joiner);

/* If this fails, the run continues: failures are then only counted, and the runner is told so. */
void watch_kernel(void);

/* The kernel's totals and counts no longer change from here on. */
void stop_watching_kernel(void);

/* Whether the kernel's refusals are observed. */
bool is_kernel_watched(void);

/* How many failures were sent in full. */
uint64_t refusals_reported(void);

#endif
