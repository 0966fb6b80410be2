/* Whether an allocation of the group is to be refused, and what is noted about it. */
#ifndef KMEM_BPF_REFUSE_H
#define KMEM_BPF_REFUSE_H

#include "charge.h"
#include "faults.h"
#include "refusals.h"

extern struct watched_group group; /* memory.bpf.c */
extern struct usage_layout layout;

extern struct enforce_config enforce; /* enforce.bpf.c */
extern struct enforce_state enforced;

struct refused_tasks {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __type(key, __u32);
  __type(value, struct refused_task);
  __uint(max_entries, MAX_REFUSED_TASKS);
};

extern struct refused_tasks refused SEC(".maps"); /* enforce.bpf.c */

struct refusal_stacks {
  __uint(type, BPF_MAP_TYPE_STACK_TRACE);
  __type(key, __u32);
  __type(value, struct kernel_stack);
  __uint(max_entries, MAX_STACKS);
};

extern struct refusal_stacks refusal_stacks SEC(".maps"); /* enforce.bpf.c */

enum { ENOMEM = 12, KILL = 9 };

static __always_inline struct refused_task *entry_of_task(void)
{
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  struct refused_task none = {};
  struct refused_task *task = bpf_map_lookup_elem(&refused, &tid);
  if (task)
    return task;
  bpf_map_update_elem(&refused, &tid, &none, BPF_ANY);
  return bpf_map_lookup_elem(&refused, &tid);
}

static __always_inline void note_refusal(void *context, __u64 bytes, __u64 usage, bool is_object)
{
  struct refused_task *task = entry_of_task();
  if (!task)
    return;
  task->pending++;
  task->bytes = bytes;
  task->usage = usage;
  task->is_object = is_object;
  task->stack = bpf_get_stackid(context, &refusal_stacks, BPF_F_REUSE_STACKID);
}

/* A signal has killed it: what it allocates now is for a core file, or to exit. */
static __always_inline bool is_dying(void)
{
  struct task_struct *task = (void *)bpf_get_current_task();
  return BPF_CORE_READ(task, flags) & (PF_SIGNALED | PF_EXITING);
}

/*
 * The kernel repeats a fault of the program's own that is refused, for ever: a signal ends that.  A task that faults again
 * before another fault of its was granted is killed.  Returns false for what sending the signal itself allocates.
 */
static __always_inline bool end_fault(__u64 bytes, __u64 usage)
{
  struct refused_task *task = entry_of_task();
  if (!task || task->sends || task->signalled == KILL || is_dying())
    return !task || !task->sends;
  task->signalled = task->signalled ? KILL : enforce.signal;
  task->sends = 1;
  bpf_send_signal_thread(task->signalled);
  task->sends = 0;
  send_fault(0, bytes, usage, task->signalled);
  return true;
}

static __always_inline void note_granted_fault(void)
{
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  struct refused_task *task = bpf_map_lookup_elem(&refused, &tid);
  if (task && task->signalled != KILL)
    task->signalled = 0;
}

static __always_inline bool is_trial(enum enforce_trial kind)
{
  if (enforce.trial != (__u32)kind || (__u32)bpf_get_current_pid_tgid() != enforce.supervisor)
    return false;
  enforced.refused_in_trial++;
  return true;
}

/* Neither in a call nor a worker of io_uring, which is in none. */
static __always_inline bool is_in_own_fault(struct task_struct *task)
{
  return call_number() == NO_CALL && !(BPF_CORE_READ(task, flags) & PF_IO_WORKER);
}

enum asked_for { PAGES, OBJECT, HOOKED }; /* HOOKED: an object, in a call (objects.bpf.c) */

/* `need`: what the group would be charged, in bytes. */
static __always_inline bool is_to_refuse(void *context, __u64 need, unsigned int gfp, enum asked_for kind)
{
  struct task_struct *task = (void *)bpf_get_current_task_btf();
  if (enforce.limit == NO_LIMIT || group.css == 0)
    return false;
  struct css_set *set = task->cgroups;
  struct cgroup_subsys_state *css = *(struct cgroup_subsys_state **)((void *)set->subsys + MEMORY_SLOT);
  if ((__u64)css != group.css && !has_ancestor(BPF_CORE_READ(css, cgroup), &group))
    return false;
  if (place.unified) {
    note_group(group.css, &layout);
    note_group((__u64)css, &layout);
  }
  __u64 usage = usage_of(&group, &layout);
  /* Nobody knows the usage if a group is missing: nothing more is given. */
  if (usage + need <= enforce.limit && !(place.unified && (layout.incomplete & TOO_MANY_GROUPS))) {
    if (kind == PAGES && call_number() == NO_CALL)
      note_granted_fault();
    return false;
  }
  if (gfp & GFP_NOFAIL) {
    __sync_fetch_and_add(&enforced.must_not_fail, 1);
    return false;
  }
  if (charges_nobody(task)) {
    __sync_fetch_and_add(&enforced.atomic, 1);
    return false;
  }
  if (charges_another(task)) {
    __sync_fetch_and_add(&enforced.remote, 1);
    return false;
  }
  if (kind != HOOKED && is_in_own_fault(task)) {
    if (enforce.signal == 0) {
      __sync_fetch_and_add(&state.pages, 1);
      __sync_fetch_and_add(&state.bytes, need);
      return false;
    }
    if (!end_fault(need, usage))
      return true;
  } else {
    note_refusal(context, need, usage, kind != PAGES);
  }
  __sync_fetch_and_add(kind != PAGES ? &enforced.objects : &enforced.pages, 1);
  return true;
}

#endif
