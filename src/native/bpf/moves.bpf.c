/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Tasks that leave the group or enter it, whoever moves them: by a write to a group's file, from inside or outside, and
 * by clone3 into another group.  Tasks that the supervisor itself moves into the group do not count.
 */
#include "group.h"

extern struct watched_group group; /* memory.bpf.c */

struct move_config move_config;
struct move_state move_state;

enum {
  SIGNAL_KILL = 9,
  MAX_PARENTS = 32,
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, EVENT_RING);
} moved SEC(".maps");

enum descent { IS_OTHER, IS_OURS, IS_DEEP };

/* Orphaned daemons become the supervisor's children: everything that a run starts descends from it. */
static __always_inline enum descent descent_of(struct task_struct *task)
{
  LOOP for (int i = 0; i < MAX_PARENTS && task; i++)
  {
    __u32 pid = BPF_CORE_READ(task, tgid);
    if (pid == move_config.supervisor)
      return IS_OURS;
    if (pid <= 1)
      return IS_OTHER;
    task = BPF_CORE_READ(task, real_parent);
  }
  return IS_DEEP;
}

static __always_inline void send_move(struct task_struct *task, struct cgroup *to, __u32 kind, __u32 born, __u32 deep)
{
  struct move_event *e = bpf_ringbuf_reserve(&moved, sizeof *e, 0);
  if (!e) {
    __sync_fetch_and_add(&move_state.lost, 1);
    return;
  }
  e->ns = bpf_ktime_get_ns();
  e->task = (__u64)BPF_CORE_READ(task, tgid) << 32 | (__u32)BPF_CORE_READ(task, pid);
  e->by = bpf_get_current_pid_tgid();
  e->to = BPF_CORE_READ(to, kn, id);
  e->kind = kind;
  e->born = born;
  e->deep = deep;
  bpf_probe_read_kernel(e->comm, sizeof e->comm, __builtin_preserve_access_index(&task->comm));
  bpf_ringbuf_submit(e, 0);
}

/* The task has already moved; `to` belongs to the hierarchy of the move. */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(attached, struct cgroup *to, const char *path, struct task_struct *task, bool whole_process)
{
  struct cgroup_subsys_state *css = memory_of(task);
  struct cgroup *now = BPF_CORE_READ(css, cgroup);
  __sync_fetch_and_add(&move_state.seen, 1);
  if (BPF_CORE_READ(now, root) != BPF_CORE_READ(to, root))
    return 0;
  if (group.css == 0)
    find_group(css, &group);
  bool inside = is_below(css, &group);
  enum descent descent = descent_of(task);
  if (inside == (descent == IS_OTHER))
    send_move(task, to, inside ? MOVE_ENTERED : MOVE_LEFT, 0, descent == IS_DEEP);
  /* At once, before the task does anything there; tasks moved by others are left to the supervisor. */
  if (move_config.kill && descent == IS_OURS && !inside &&
      (__u32)BPF_CORE_READ(task, tgid) == bpf_get_current_pid_tgid() >> 32)
    bpf_send_signal(SIGNAL_KILL);
  return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(started, struct task_struct *task, unsigned long flags)
{
  struct task_struct *parent = (void *)bpf_get_current_task();
  struct cgroup_subsys_state *before = memory_of(parent), *css = memory_of(task);
  __sync_fetch_and_add(&move_state.seen, 1);
  if (before == css)
    return 0;
  if (group.css == 0)
    find_group(css, &group);
  bool was_inside = is_below(before, &group), inside = is_below(css, &group);
  if (was_inside && !inside)
    send_move(task, BPF_CORE_READ(css, cgroup), MOVE_LEFT, 1, 0);
  else if (!was_inside && inside && descent_of(parent) == IS_OTHER)
    send_move(task, BPF_CORE_READ(css, cgroup), MOVE_ENTERED, 1, 0);
  return 0;
}
