/*
 * The group's kernel memory, in bytes.
 *
 * cgroup v1 has a page counter, which is exact.  cgroup v2 keeps a figure per CPU and group; memory.stat shows their
 * sum as of the last flush.  The sum of the figures themselves is exact at any time, as long as no group has been
 * removed: its charges move to its parent, but its figures do not.
 */
#ifndef KMEM_BPF_USAGE_H
#define KMEM_BPF_USAGE_H

#include "group.h"

extern const volatile struct usage_place place; /* memory.bpf.c */

static __always_inline __u64 counter_of(__u64 css)
{
  struct mem_cgroup___v1 *memcg = (void *)css;
  return (__u64)BPF_CORE_READ(memcg, kmem.usage.counter) * PAGE_BYTES;
}

/* In pages; may be negative for a single group. */
static __always_inline __s64 sum_of(__u64 css, const struct usage_layout *layout)
{
  struct mem_cgroup *memcg = (void *)css;
  __u64 figures = (__u64)BPF_CORE_READ(memcg, vmstats_percpu) + layout->item;
  __s64 pages = 0;
  LOOP for (__u32 cpu = 0; cpu < MAX_CPUS && cpu < place.cpus; cpu++)
  {
    __s64 figure = 0;
    bpf_probe_read_kernel(&figure, sizeof figure, (const void *)(figures + layout->offset[cpu]));
    pages += figure;
  }
  return pages;
}

static __always_inline __u64 usage_of(const struct watched_group *group, const struct usage_layout *layout)
{
  if (!place.unified)
    return counter_of(group->css);
  __s64 pages = layout->removed;
  LOOP for (int i = 0; i < MAX_GROUPS && layout->group[i]; i++) pages += sum_of(layout->group[i], layout);
  return pages > 0 ? (__u64)pages * PAGE_BYTES : 0;
}

/* Adds a group, one of whose tasks was seen, to the sum. */
static __always_inline void note_group(__u64 css, struct usage_layout *layout)
{
  LOOP for (int i = 0; i < MAX_GROUPS; i++)
  {
    if (layout->group[i] == css)
      return;
    if (layout->group[i] == 0) {
      layout->group[i] = css;
      return;
    }
  }
  layout->incomplete |= TOO_MANY_GROUPS;
}

/*
 * Its memory may be reused soon, and what it held is its parent's: from now on the parent's figures shrink as that is
 * freed.  What is freed until the kernel has moved it is missed, and the usage is taken to be higher than it is.
 */
static __always_inline void drop_group(__u64 cgroup, struct usage_layout *layout)
{
  /* In memory, where the verifier does not follow their values: it would walk the code below for each pair. */
  volatile __u32 *found = &layout->found, *last = &layout->last;
  *found = MAX_GROUPS;
  LOOP for (__u32 i = 0; i < MAX_GROUPS && layout->group[i]; i++)
  {
    struct cgroup_subsys_state *css = (void *)layout->group[i];
    if ((__u64)BPF_CORE_READ(css, cgroup) == cgroup)
      *found = i;
    *last = i;
  }
  __u32 at = *found, end = *last;
  if (at >= MAX_GROUPS || end >= MAX_GROUPS)
    return;
  layout->removed += sum_of(layout->group[at], layout);
  layout->group[at] = layout->group[end];
  layout->group[end] = 0;
  layout->incomplete |= GROUP_WAS_REMOVED;
  layout->removals++;
}

/* A group is removed (cgroup_rmdir). */
static __always_inline int forget_group(void *context, struct watched_group *group, struct usage_layout *layout)
{
  struct cgroup *removed = 0;
  /* As a number: the verifier rejects arithmetic on trusted pointers. */
  bpf_probe_read_kernel(&removed, sizeof removed, context);
  if (group->css == 0)
    return 0;
  bool own = (__u64)removed == group->cgroup;
  if (place.unified)
    drop_group((__u64)removed, layout);
  if (own)
    group->css = 0; /* the next group may be created at its address */
  return 0;
}

/* Finds where the figures are.  Only a program that is run by a system call may look up symbol addresses. */
static __always_inline bool find_figures(struct usage_layout *layout)
{
  __u64 offsets = 0, indices = 0;
  __u32 item = bpf_core_enum_value(enum memcg_stat_item, MEMCG_KMEM);
  static const char per_cpu_offset[] = "__per_cpu_offset", stats_index[] = "mem_cgroup_stats_index";
  if (bpf_kallsyms_lookup_name(per_cpu_offset, sizeof per_cpu_offset, 0, &offsets))
    return false;
  bpf_probe_read_kernel(layout->offset, sizeof layout->offset, (const void *)offsets);
  /* From 6.10 on the figures are packed. */
  if (bpf_kallsyms_lookup_name(stats_index, sizeof stats_index, 0, &indices) == 0) {
    __u8 index = 0;
    bpf_probe_read_kernel(&index, sizeof index, (const void *)(indices + item));
    item = index;
  }
  layout->item = bpf_core_field_offset(struct memcg_vmstats_percpu, state) + item * sizeof(long);
  return true;
}

/* Whether the current task's group is ours or below it. */
static __always_inline bool is_current_ours(struct watched_group *group, struct usage_layout *layout)
{
  struct cgroup_subsys_state *css = memory_of((void *)bpf_get_current_task());
  if (!is_below(css, group))
    return false;
  if (place.unified) {
    note_group(group->css, layout);
    note_group((__u64)css, layout);
  }
  return !layout->incomplete;
}

#endif
