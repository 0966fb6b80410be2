/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which calls fail because of the kernel's own limit, on kernels that enforce one.
 *
 *   charged   (exit of the charge function)   one of the group's tasks was refused: note it for the task
 *   entered   (sys_enter)                     nothing refused yet in this call
 *   returned  (sys_exit)                      an error, and a refusal since it was entered: a failure; no error: handled
 *   faulted   (page_fault_user)               what is refused now is a page fault's, which no call returns from
 *
 * They also load on 5.10: no field of the kernel's types is read, so nothing needs relocation.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "refusals.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct refusals_config config;
struct refusals_totals totals;

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __type(key, __u32);
  __type(value, struct refused_task);
  __uint(max_entries, MAX_REFUSED_TASKS);
} tasks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, struct refusal_kind);
  __type(value, __u64);
  __uint(max_entries, MAX_REFUSAL_COUNTS);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, REFUSAL_RING);
} ring SEC(".maps");

/* The group's directory in the unified hierarchy. */
struct {
  __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
  __type(key, __u32);
  __type(value, __u32);
  __uint(max_entries, 1);
} group SEC(".maps");

enum { SECOND_NS = 1000000000, LAST_ERRNO = 133 };

static __always_inline struct refused_task *current_task(void)
{
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  return bpf_map_lookup_elem(&tasks, &tid);
}

static __always_inline int is_ours(void)
{
  return bpf_current_task_under_cgroup(&group, 0) == 1 || bpf_get_current_pid_tgid() >> 32 == config.joiner;
}

/* Refusals of consecutive page faults. */
static __always_inline void note_streak(struct refused_task *task)
{
  __u64 now = bpf_ktime_get_ns(), last = task->last_ns;
  task->last_ns = now;
  /* A second without a refusal: the task did something else. */
  if (now - last > SECOND_NS || task->since_ns == 0) {
    task->since_ns = now;
    task->streak = 0;
  }
  task->streak++;
}

/* The charge function has three arguments in all versions that enforce a limit; its return value follows them. */
SEC("fexit")
int charged(__u64 *context)
{
  struct refused_task *task = current_task();
  if ((int)context[3] == 0) {
    if (task)
      task->since_ns = 0;
    return 0;
  }
  if (!is_ours())
    return 0;
  __sync_fetch_and_add(&totals.charges_refused, 1);
  if (!task) {
    struct refused_task first = {.pending = 1};
    __u32 tid = (__u32)bpf_get_current_pid_tgid();
    bpf_map_update_elem(&tasks, &tid, &first, BPF_ANY);
    return 0;
  }
  task->pending++;
  if (task->in_fault)
    note_streak(task);
  return 0;
}

SEC("raw_tp/sys_enter")
int entered(struct bpf_raw_tracepoint_args *context)
{
  struct refused_task *task = current_task();
  if (!task)
    return 0;
  task->pending = 0;
  task->in_fault = 0;
  task->since_ns = 0;
  task->calls++;
  return 0;
}

SEC("raw_tp/page_fault_user")
int faulted(struct bpf_raw_tracepoint_args *context)
{
  struct refused_task *task = current_task();
  if (task)
    task->in_fault = 1;
  return 0;
}

/* A register at the call's entry, or 0. */
static __always_inline __u64 register_at(__u64 registers, __u32 at)
{
  __u64 value = 0;
  bpf_probe_read_kernel(&value, sizeof value, (const void *)(registers + at));
  return value;
}

static __always_inline void count_kind(const struct refusal_kind *kind)
{
  __u64 one = 1, *count = bpf_map_lookup_elem(&counts, kind);
  if (!count && bpf_map_update_elem(&counts, kind, &one, BPF_NOEXIST) == 0)
    return;
  /* Another CPU was first, or the table is full. */
  if (!count)
    count = bpf_map_lookup_elem(&counts, kind);
  if (count)
    __sync_fetch_and_add(count, 1);
  else
    __sync_fetch_and_add(&totals.calls_uncounted, 1);
}

static __always_inline void send_refusal(const struct refusal_kind *kind, const struct refused_task *task,
                                         __u64 registers, __u32 handled)
{
  struct refusal *r = bpf_ringbuf_reserve(&ring, sizeof *r, 0);
  if (!r)
    return;
  r->ns = bpf_ktime_get_ns();
  r->task = bpf_get_current_pid_tgid();
  r->calls = task->calls;
  r->bytes = task->bytes;
  r->usage = task->usage;
  r->is_object = task->is_object;
  r->stack = task->stack;
  r->handled = handled;
  r->kind = *kind;
  for (int i = 0; i < CALL_ARGUMENTS; i++)
    r->args[i] = register_at(registers, config.arguments_at[i]);
  *(__u64 *)r->path = 0;
  __u32 path = kind->not_32_bit && kind->nr < CALL_NUMBERS ? config.path_argument[kind->nr] : 0;
  if (path > 0 && path <= CALL_ARGUMENTS)
    bpf_probe_read_user_str(r->path, sizeof r->path, (const void *)r->args[(path - 1) & 7]);
  bpf_ringbuf_submit(r, 0);
}

SEC("raw_tp/sys_exit")
int returned(struct bpf_raw_tracepoint_args *context)
{
  struct refused_task *task = current_task();
  if (!task)
    return 0;
  __u64 pending = task->pending;
  task->pending = 0;
  task->since_ns = 0;
  if (pending == 0)
    return 0;
  __u64 registers = context->args[0];
  __s64 result = (__s64)context->args[1];
  struct refusal_kind kind = {};
  bpf_get_current_comm(kind.comm, sizeof kind.comm);
  kind.nr = (__u32)register_at(registers, config.number_at);
  kind.not_32_bit = (__u32)(register_at(registers, config.mode_at) & config.mode_mask) ^ config.mode_32_bit;
  if (result < -LAST_ERRNO) /* internal to the kernel: the call will be restarted */
    return 0;
  if (result < 0)
    kind.error = (__u32)-result;
  else if (!kind.not_32_bit || kind.nr != config.brk ||
           register_at(registers, config.arguments_at[0]) <= (__u64)result) {
    __sync_fetch_and_add(&totals.calls_handled, 1);
    if (totals.calls_handled <= HANDLED_IN_FULL)
      send_refusal(&kind, task, registers, 1);
    return 0; /* brk refuses by returning the old break */
  }
  count_kind(&kind);
  /* 5.10 has no addition that returns the old value. */
  __sync_fetch_and_add(&totals.calls_failed, 1);
  if (totals.calls_failed <= REFUSALS_IN_FULL)
    send_refusal(&kind, task, registers, 0);
  return 0;
}
