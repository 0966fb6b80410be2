/* The kernel itself refuses what would take the group over its limit, as our BPF programs tell it: enforce.bpf.c. */
#ifndef KMEM_HELPER_ENFORCE_H
#define KMEM_HELPER_ENFORCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/shared.h"
#include "config.h"
#include "object.h"

/*
 * Loads and attaches the programs, and shows that each refuses: an allocation of this process is refused once.  The
 * programs must know the group by then (moves.h) and the limit follows.  False with errno: EPROTO if an allocation was
 * made all the same.  `failed`: the program at fault.
 */
bool attach_enforcement(struct object *object, enum granularity granularity, const char **failed);

/* Moves must be watched by now.  False with errno; the guardian then holds what is attached, too. */
bool enforce_limit(const char **failed);

/* config.limit has changed; none after the run's end. */
void update_enforced_limit(void);

/* The programs know the group, by a task that entered it. */
bool is_group_known(void);

/*
 * The functions of the kernel that led to a refusal, separated by spaces, from the inside out: `stack` is the number that
 * a refusal has.  NULL if they are not known.
 */
const char *stack_names(int64_t stack, char *text, size_t size);

/* Allocations refused so far. */
uint64_t allocations_refused(void);

/* All zero unless it enforces. */
struct enforce_state enforcement_tally(void);

#endif
