/*
 * The BPF programs that detect which calls fail because of the kernel's own limit: src/native/bpf/refusals.bpf.c, which
 * describes each.
 */
#ifndef KMEM_HELPER_PROBES_H
#define KMEM_HELPER_PROBES_H

#include <linux/audit.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../bpf/refusals.h"
#include "object.h"

#if defined __x86_64__
#define THIS_ARCH AUDIT_ARCH_X86_64
#define THIS_ARCH_32 AUDIT_ARCH_I386
#elif defined __aarch64__
#define THIS_ARCH AUDIT_ARCH_AARCH64
#define THIS_ARCH_32 AUDIT_ARCH_ARM
#else
/* Unknown: nothing is attached. */
#define THIS_ARCH 0
#define THIS_ARCH_32 0
#endif

/* The function that charges kernel memory and can refuse, by its number in the kernel's BTF; 0 with errno. */
uint32_t charge_function(void);

/*
 * `cgroup`: the group's directory in the unified hierarchy; NULL: our own programs refuse (enforce.h), and only calls are
 * watched.  False with errno.
 */
bool attach_to_kernel(const char *cgroup);

/*
 * The programs that attach_to_kernel() attaches, without a group; `native`: with those that detect the kernel's own
 * refusals.  False with errno.
 */
bool attach_calls(struct object *object, bool native);

/* From now on no task is in the group. */
void forget_group(struct object *object);

/* The counts stay readable. */
void detach_from_kernel(void);

/* The keeper's, whose programs that refuse use the same table of tasks. */
bool are_calls_borrowed(void);

void set_joiner(pid_t joiner);

/* While attached: maps of refusals. */
int refused_tasks(void);
int refusal_counts(void);
int refusal_ring(void);

/* All zero until the programs are attached. */
struct refusals_totals refusals_totals(void);

#endif
