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
struct enforce_places places;
struct enforce_state enforced;

/* Shared with refusals.bpf.c: which calls fail because of it. */
struct refused_tasks refused SEC(".maps");
struct refusal_stacks refusal_stacks SEC(".maps");
struct symbol symbol;

static __always_inline bool is_accounted(struct kmem_cache *cache, unsigned int gfp)
{
  unsigned int flag = SLAB_ACCOUNT_BEFORE;
  if (bpf_core_enum_value_exists(enum _slab_flag_bits, _SLAB_ACCOUNT))
    flag = 1u << bpf_core_enum_value(enum _slab_flag_bits, _SLAB_ACCOUNT);
  /* Loads without a helper's call: this runs for every object of the machine. */
  return (gfp & GFP_ACCOUNT) || (cache->flags & flag);
}

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

/* Nobody else may read the kernel's symbol table without reading all of it. */
SEC("syscall/name")
int name(void *context)
{
  static const char format[] = "%ps";
  __u64 address = symbol.address;
  return bpf_snprintf(symbol.name, sizeof symbol.name, format, &address, sizeof address) < 0;
}

/* Only a program of this kind may look up symbol addresses. */
SEC("syscall/locate")
int locate(void *context)
{
  static const char offsets_name[] = "__per_cpu_offset", cache_name[] = "task_struct_cachep";
  static const char count_name[] = "__preempt_count", hot_name[] = "pcpu_hot";
  struct pcpu_hot *hot = 0;
  __u64 offsets = 0, cache = 0;
  if (bpf_kallsyms_lookup_name(offsets_name, sizeof offsets_name, 0, &offsets) ||
      bpf_kallsyms_lookup_name(cache_name, sizeof cache_name, 0, &cache))
    return 1;
  if (bpf_core_field_exists(hot->preempt_count)) {
    if (bpf_kallsyms_lookup_name(hot_name, sizeof hot_name, 0, &places.preempt_count))
      return 1;
    places.preempt_count += bpf_core_field_offset(struct pcpu_hot, preempt_count);
  } else if (bpf_kallsyms_lookup_name(count_name, sizeof count_name, 0, &places.preempt_count)) {
    return 1;
  }
  bpf_probe_read_kernel(layout.offset, sizeof layout.offset, (const void *)offsets);
  bpf_probe_read_kernel(&places.task_cache, sizeof places.task_cache, (const void *)cache);
  return 0;
}
