/*
 * What the kernel itself refuses, where it is the kernel that enforces the limit.
 *
 * Under the kernel's own limit nobody asks us: a charge fails somewhere inside a call, and the call may return an
 * error, return another one, or get by without.  Four small BPF programs (probes.h) find out which, so that
 * nothing is lost however many calls fail, and a task that never meets the limit costs nothing but a look into an empty
 * table.
 *
 * A plain ENOENT is no failure, and neither is a refusal that the kernel gets over.  Failures are counted by (comm,
 * call, errno); the first go into a ring that has room for all of them.
 *
 * Livelock.  A page fault that needs a page table at the limit fails, returns to the same instruction and fails
 * again, for ever: seconds of refusals in page faults of one task, with no call and no granted charge between, while
 * its system time grows.  The rate says nothing: an honest retry loop fails faster.
 *
 * All of it hangs on our descriptors: the kernel takes it down when we die, or when "close" gives them up.
 */
#ifndef KMEM_HELPER_REFUSALS_H
#define KMEM_HELPER_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

void read_refusals(void);

/* It takes two looks: the first finds a suspect, a later one that its system time has grown and nothing else. */
void check_livelock(void);

void send_refusal_counts(void);

/* The joiner allocates for the group before it is in the unified hierarchy's. */
void note_joiner(pid_t joiner);

/* Where it cannot be done the run goes on: what fails is only counted then, and the runner is told so. */
void watch_kernel(void);

/* The kernel's totals and counts stay as they are from here on. */
void stop_watching_kernel(void);

/* Whether the kernel's refusals are observed. */
bool is_kernel_watched(void);

/* How many failures were sent in full. */
uint64_t refusals_reported(void);

#endif
