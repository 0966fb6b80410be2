/* Who is charged for what the current task allocates, and how much. */
#ifndef KMEM_BPF_CHARGE_H
#define KMEM_BPF_CHARGE_H

#include "usage.h"

extern struct usage_layout layout;  /* memory.bpf.c, profile.bpf.c */
extern struct charge_places places; /* enforce.bpf.c */

/* Its place among a task's controllers, in bytes. */
#define MEMORY_SLOT (bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(void *))

enum {
  STACK_BYTES = 16384,
  POINTER = 8,             /* each object is charged for one more */
  IN_INTERRUPT = 0xff0100, /* include/linux/preempt.h: an NMI, an interrupt, or serving a softirq */
};

static __always_inline bool is_accounted(struct kmem_cache *cache, unsigned int gfp)
{
  unsigned int flag = SLAB_ACCOUNT_BEFORE;
  if (bpf_core_enum_value_exists(enum _slab_flag_bits, _SLAB_ACCOUNT))
    flag = 1u << bpf_core_enum_value(enum _slab_flag_bits, _SLAB_ACCOUNT);
  /* Loads without a helper's call: this runs for every object of the machine. */
  return (gfp & GFP_ACCOUNT) || (cache->flags & flag);
}

static __always_inline __u64 on_this_cpu(__u64 place)
{
  __u32 cpu = bpf_get_smp_processor_id();
  return cpu < MAX_CPUS ? layout.offset[cpu] + place : 0;
}

/* Interrupts charge nobody, nor do the kernel's own threads (mm/memcontrol.c, memcg_kmem_bypass). */
static __always_inline bool charges_nobody(struct task_struct *task)
{
  int count = 0;
  bpf_probe_read_kernel(&count, sizeof count, (const void *)on_this_cpu(places.preempt_count));
  return (count & IN_INTERRUPT) || BPF_CORE_READ(task, mm) == 0 || (BPF_CORE_READ(task, flags) & PF_KTHREAD);
}

static __always_inline bool charges_another(struct task_struct *task)
{
  struct task_struct___remote *with = (void *)task;
  return bpf_core_field_exists(with->active_memcg) && BPF_CORE_READ(with, active_memcg) != 0;
}

/* Only a program that is run by a system call may look up symbol addresses. */
static __always_inline bool find_places(struct usage_layout *layout, struct charge_places *places)
{
  static const char offsets_name[] = "__per_cpu_offset", cache_name[] = "task_struct_cachep";
  static const char count_name[] = "__preempt_count", hot_name[] = "pcpu_hot";
  struct pcpu_hot *hot = 0;
  __u64 offsets = 0, cache = 0;
  if (bpf_kallsyms_lookup_name(offsets_name, sizeof offsets_name, 0, &offsets) ||
      bpf_kallsyms_lookup_name(cache_name, sizeof cache_name, 0, &cache))
    return false;
  if (bpf_core_field_exists(hot->preempt_count)) {
    if (bpf_kallsyms_lookup_name(hot_name, sizeof hot_name, 0, &places->preempt_count))
      return false;
    places->preempt_count += bpf_core_field_offset(struct pcpu_hot, preempt_count);
  } else if (bpf_kallsyms_lookup_name(count_name, sizeof count_name, 0, &places->preempt_count)) {
    return false;
  }
  bpf_probe_read_kernel(layout->offset, sizeof layout->offset, (const void *)offsets);
  bpf_probe_read_kernel(&places->task_cache, sizeof places->task_cache, (const void *)cache);
  return true;
}

#endif
