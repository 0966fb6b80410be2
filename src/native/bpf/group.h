/* Whether a task is in the run's group, according to the kernel's structures in the memory controller's hierarchy. */
#ifndef KMEM_BPF_GROUP_H
#define KMEM_BPF_GROUP_H

#include "kernel.h"
#include "shared.h"

static __always_inline struct cgroup_subsys_state *memory_of(struct task_struct *task)
{
  struct css_set *set = BPF_CORE_READ(task, cgroups);
  struct cgroup_subsys_state *css = 0;
  __u64 slot = (__u64)__builtin_preserve_access_index(&set->subsys);
  slot += bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof css;
  bpf_probe_read_kernel(&css, sizeof css, (const void *)slot);
  return css;
}

/* Uses the group's level: one read, however deep the task is. */
static __always_inline bool has_ancestor(struct cgroup *cgroup, const struct watched_group *group)
{
  __u64 ancestor = 0;
  if (BPF_CORE_READ(cgroup, level) <= group->level)
    return false;
  if (bpf_core_field_exists(struct cgroup___pointers, ancestors)) {
    struct cgroup___pointers *with = (void *)cgroup;
    __u64 slot = (__u64)__builtin_preserve_access_index(&with->ancestors);
    bpf_probe_read_kernel(&ancestor, sizeof ancestor, (const void *)(slot + group->level * sizeof ancestor));
    return ancestor == group->cgroup;
  }
  struct cgroup___ids *with = (void *)cgroup;
  __u64 slot = (__u64)__builtin_preserve_access_index(&with->ancestor_ids);
  bpf_probe_read_kernel(&ancestor, sizeof ancestor, (const void *)(slot + group->level * sizeof ancestor));
  return ancestor == group->id;
}

/* In the group or below it; always false until the first task was seen entering it (moves.bpf.c). */
static __always_inline bool is_below(struct cgroup_subsys_state *css, struct watched_group *group)
{
  if (group->css == 0)
    return false;
  return (__u64)css == group->css || has_ancestor(BPF_CORE_READ(css, cgroup), group);
}

enum { MAX_DEPTH = 3 }; /* of a run's own groups: on cgroup v2 its tasks are in leaves of the group */

/* The group's address is found by its id when the first task enters, which the supervisor ensures. */
static __always_inline void find_group(struct cgroup_subsys_state *css, struct watched_group *group)
{
  LOOP for (int i = 0; i < MAX_DEPTH && css; i++)
  {
    struct cgroup *cgroup = BPF_CORE_READ(css, cgroup);
    if (BPF_CORE_READ(cgroup, kn, id) == group->id) {
      group->level = BPF_CORE_READ(cgroup, level);
      group->cgroup = (__u64)cgroup;
      group->css = (__u64)css;
      return;
    }
    css = BPF_CORE_READ(css, parent);
  }
}

#endif
