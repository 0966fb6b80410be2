/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The group's kernel memory: page faults that take it over its limit, and, on cgroup v2, exact readings and the peak.
 *
 * A tracepoint cannot refuse a page; it can end the task that asked for it.  `page_allocated` checks each accounted
 * page that the kernel hands out and recognises a page fault by the kernel stack: the entry of the page fault handler
 * is on it, wherever the fault happened (in the program, or inside a system call).  `learn` finds that entry from a
 * fault that the supervisor triggers for it.
 *
 * The gate keeps the reserve below the limit free for page faults.  Other charges there (a call that the gate let
 * through and that took more than it needs) are not attributed to the next page: while usage is above the limit less
 * the reserve, page faults may take the reserve, however much of it calls have taken.
 *
 * A fault over the limit sends the task a signal.  If the task continues, its next fault over the limit kills it.
 */
#include "faults.h"
#include "usage.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct usage_place place = {0};
struct watched_group group;
struct usage_layout layout;
struct usage_state usage_state;
struct fault_config config;
struct fault_state state;

enum { MAX_FRAMES = 64, MAX_TASKS = 8192, SIGNAL_KILL = 9 };

struct task_fault {
  __u64 started; /* its tid may be reused later */
  __u64 address, episode, fault;
  __u64 killed; /* what its call still takes cannot be prevented */
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __type(key, __u32);
  __type(value, struct task_fault);
  __uint(max_entries, MAX_TASKS);
} tasks SEC(".maps");

struct fault_ring ring SEC(".maps");

struct frames {
  __u64 address[MAX_FRAMES];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __type(key, __u32);
  __type(value, struct frames);
  __uint(max_entries, 1);
} stacks SEC(".maps");

static __always_inline struct frames *read_stack(void *context, int *count)
{
  __u32 first = 0;
  struct frames *frames = bpf_map_lookup_elem(&stacks, &first);
  if (!frames)
    return 0;
  long bytes = bpf_get_stack(context, frames, sizeof *frames, 0);
  *count = bytes > 0 ? (int)((__u64)bytes / sizeof frames->address[0]) : 0;
  return frames;
}

/* The supervisor faults in its own program: the outermost frame is the handler's entry. */
static __always_inline void learn(void *context)
{
  int count = 0;
  struct frames *frames = read_stack(context, &count);
  if (frames && count > 0 && count <= MAX_FRAMES)
    state.entry = frames->address[(count - 1) & (MAX_FRAMES - 1)];
}

static __always_inline bool is_in_fault(void *context)
{
  int count = 0;
  struct frames *frames = read_stack(context, &count);
  if (!frames || state.entry == 0)
    return false;
  LOOP for (int i = 0; i < MAX_FRAMES; i++)
  {
    if (i >= count)
      return false;
    if (frames->address[i] == state.entry)
      return true;
  }
  return false;
}

static __always_inline struct task_fault *find_task(__u32 tid, __u64 started)
{
  struct task_fault *known = bpf_map_lookup_elem(&tasks, &tid);
  return known && known->started == started ? known : 0;
}

/* One fault may take several pages; it is answered once. */
static __always_inline void end_fault(struct task_struct *task, __u64 bytes, __u64 usage)
{
  __u32 tid = (__u32)bpf_get_current_pid_tgid(), signal = config.signal;
  /* Both count finished faults; one more is this fault's number. */
  __u64 fault = BPF_CORE_READ(task, min_flt) + BPF_CORE_READ(task, maj_flt) + 1, address = 0;
  __u64 started = BPF_CORE_READ(task, start_time);
  struct task_fault *known = find_task(tid, started);
  if (known) {
    if (known->fault == fault || known->killed)
      return;
    address = known->address;
    if (known->fault != 0 && known->episode == state.episode)
      signal = SIGNAL_KILL;
    known->killed = signal == SIGNAL_KILL;
    known->fault = fault;
    known->episode = state.episode;
  } else {
    struct task_fault first = {
        .started = started, .episode = state.episode, .fault = fault, .killed = signal == SIGNAL_KILL};
    bpf_map_update_elem(&tasks, &tid, &first, BPF_ANY);
  }
  bpf_send_signal_thread(signal);
  send_fault(address, bytes, usage, signal);
}

/* Accounts for a page given to a fault; returns whether it is over the limit. */
static __always_inline bool is_over(__u64 bytes, __u64 usage)
{
  __u64 before = usage > bytes ? usage - bytes : 0, last = state.usage;
  __u64 free = config.limit > config.reserve ? config.limit - config.reserve : 0;
  state.usage = usage;
  if (before <= free)
    state.admitted = 0;
  else if (before > last)
    state.admitted += before - (last > free ? last : free);
  else if (state.admitted > before - free)
    state.admitted = before - free;
  if (usage <= config.limit) {
    state.over = 0;
    return false;
  }
  if (state.over == 0) {
    state.over = 1;
    state.episode++;
  }
  return usage - config.limit > state.admitted;
}

/* `usage`: includes this page. */
static __always_inline void check_page(void *context, __u64 bytes, __u64 usage)
{
  /* Far below the limit, nothing else is checked. */
  if (usage + config.reserve < config.limit) {
    state.usage = usage;
    state.over = state.admitted = 0;
    return;
  }
  if (!is_in_fault(context) || !is_over(bytes, usage))
    return;
  __sync_fetch_and_add(&state.pages, 1);
  __sync_fetch_and_add(&state.bytes, bytes);
  if (config.signal)
    end_fault((void *)bpf_get_current_task(), bytes, usage);
}

static __always_inline void note_peak(__u64 usage)
{
  if (usage > usage_state.peak)
    usage_state.peak = usage;
}

SEC("tp_btf/mm_page_alloc")
int BPF_PROG(page_allocated, struct page *page, unsigned int order, unsigned int gfp)
{
  if (!(gfp & GFP_ACCOUNT))
    return 0;
  if (config.learner && (__u32)bpf_get_current_pid_tgid() == config.learner) {
    learn(ctx);
    return 0;
  }
  if ((config.limit == NO_LIMIT && !place.unified) || !is_current_ours(&group, &layout))
    return 0;
  __u64 usage = usage_of(&group, &layout);
  note_peak(usage);
  if (config.limit != NO_LIMIT)
    check_page(ctx, PAGE_BYTES << order, usage);
  return 0;
}

static __always_inline int note_address(unsigned long address)
{
  if (config.limit == NO_LIMIT || !is_current_ours(&group, &layout))
    return 0;
  if (usage_of(&group, &layout) + config.reserve < config.limit)
    return 0;
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  struct task_struct *task = (void *)bpf_get_current_task();
  __u64 started = BPF_CORE_READ(task, start_time);
  struct task_fault *known = find_task(tid, started);
  if (known) {
    known->address = address;
    return 0;
  }
  struct task_fault first = {.started = started, .address = address};
  bpf_map_update_elem(&tasks, &tid, &first, BPF_ANY);
  return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(faulted, unsigned long address)
{
  return note_address(address);
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(faulted_in_call, unsigned long address)
{
  return note_address(address);
}

/*
 * cgroup v2 records no highest usage.  The rest of this file reads the usage whenever the group may have been charged:
 * after objects and pages, and at the end of each call for charges without a tracepoint (kernel stacks, per-CPU
 * memory).
 */
static __always_inline int look(void)
{
  if (is_current_ours(&group, &layout))
    note_peak(usage_of(&group, &layout));
  return 0;
}

SEC("tp_btf/kmem_cache_alloc")
int BPF_PROG(object_allocated)
{
  return look();
}

SEC("tp_btf/kmalloc")
int BPF_PROG(bytes_allocated)
{
  return look();
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_ended)
{
  return look();
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(group_removed)
{
  return forget_group(ctx, &group, &layout);
}

SEC("syscall/prepare")
int prepare(void *context)
{
  return find_figures(&layout) ? 0 : 1;
}

SEC("syscall/read")
int read_usage(void *context)
{
  __u64 usage = group.css ? usage_of(&group, &layout) : 0;
  usage_state.usage = usage;
  note_peak(usage);
  return 0;
}
