/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Refuses accounted allocations of the group that would take it over its limit, before the kernel makes them.
 *
 * The kernel asks two functions, made to inject faults, whether an allocation may go on: should_failslab for an object,
 * should_fail_alloc_page for pages.  A program may answer for them if the kernel was built with
 * CONFIG_FUNCTION_ERROR_INJECTION, and if the compiler did not merge them into their callers: that is tried
 * (helper/enforce.c), never assumed.
 *
 * The kernel charges an object by pages, of which it keeps a remainder for each CPU.  We do not look at the remainder:
 * less than a page of the limit per CPU may stay unused.  Nor is a task's stack asked for: it is added to the need of
 * the task.
 *
 * What must not fail, what interrupts allocate, and what another group is charged for is let through, and counted.
 */
#include "refuse.h"

struct enforce_config enforce;
struct charge_places places;
struct enforce_state enforced;

/* Shared with refusals.bpf.c: which calls fail because of it. */
struct refused_tasks refused SEC(".maps");
struct refusal_stacks refusal_stacks SEC(".maps");

SEC("fmod_ret/should_failslab")
int BPF_PROG(object_asked_for, struct kmem_cache *cache, unsigned int gfp)
{
  if (!is_accounted(cache, gfp))
    return 0;
  if (is_trial(TRY_OBJECT))
    return -ENOMEM;
  __u64 bytes = cache->size + POINTER;
  __u64 need = (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  if ((__u64)cache == places.task_cache)
    need += STACK_BYTES;
  return is_to_refuse(ctx, need, gfp, OBJECT) ? -ENOMEM : 0;
}

enum { MAX_ORDER = 10 };

SEC("fmod_ret/should_fail_alloc_page")
int BPF_PROG(pages_asked_for, unsigned int gfp, unsigned int order)
{
  if (!(gfp & GFP_ACCOUNT) || order > MAX_ORDER)
    return 0;
  if (is_trial(TRY_PAGE))
    return 1;
  return is_to_refuse(ctx, PAGE_BYTES << order, gfp, PAGES) ? 1 : 0;
}

SEC("syscall/locate")
int locate(void *context)
{
  return find_places(&layout, &places) ? 0 : 1;
}
