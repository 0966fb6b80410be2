/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the group's kernel memory consists of: every accounted allocation is booked on a part (the same function, cache,
 * size, system call, command and stack), and its release is taken off that part again.
 *
 * The peak.  A part keeps its figures as of the latest peak: when the group's usage exceeds the highest so far, the
 * peak's number rises, and each part saves its live figures when it changes next.  No part is visited at the peak itself.
 *
 * Releases without an event (kfree_rcu, bulk frees) are noticed in two ways: the address is allocated again, or at the end
 * the slab itself knows no owner for the object (`check`).
 *
 * Not seen: bulk allocations, what is charged to the group on behalf of another task, and what is charged only after it
 * was allocated (kmem_cache_charge(): since 6.12 a TCP connection, which is charged when it is accepted).
 */
#include "profile.h"
#include "call.h"
#include "charge.h"
#include "fingerprint.h"
#include "parts.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct usage_place place = {0};
struct watched_group group;
struct usage_layout layout;
struct profile_state profile;
struct check check;

enum {
  LARGEST_OBJECT =
      8192, /* of kmalloc (KMALLOC_MAX_CACHE_SIZE): larger ones are pages, which have an event of their own */
  EXISTS = -17,
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, __u64);
  __type(value, struct object_entry);
  __uint(max_entries, MAX_OBJECTS);
} objects SEC(".maps");

/* A tracepoint's argument as a number: the verifier rejects arithmetic on pointers, and any use of `void *` before 6.13. */
static __always_inline __u64 argument(const unsigned long long *context, int index)
{
  __u64 value = 0;
  bpf_probe_read_kernel(&value, sizeof value, context + index);
  return value;
}

/* A file system names the group that is charged for a page's buffers, also if it is the task's own. */
static __always_inline bool charges_own(struct task_struct *task, struct cgroup_subsys_state *css)
{
  struct task_struct___remote *with = (void *)task;
  /* A `struct mem_cgroup` begins with its state. */
  return !charges_another(task) || (__u64)BPF_CORE_READ(with, active_memcg) == (__u64)css;
}

static __always_inline __u64 number_at(const void *context)
{
  const void *at = context;
  __u64 number = 0;
  bpf_probe_read_kernel(&number, sizeof number, &at);
  return number;
}

/* Interrupts charge nobody: they have a stack of their own, unlike the task's calls and faults. */
static __always_inline bool is_on_own_stack(const void *context, struct task_struct *task)
{
  return number_at(context) - (__u64)BPF_CORE_READ(task, stack) < STACK_BYTES;
}

static __always_inline bool is_charged_here(const void *context, struct task_struct *task)
{
  if (profile.ended)
    return false;
  struct css_set *set = task->cgroups;
  struct cgroup_subsys_state *css = *(struct cgroup_subsys_state **)((void *)set->subsys + MEMORY_SLOT);
  if (group.css == 0)
    find_group(css, &group);
  if (!is_below(css, &group))
    return false;
  if (place.unified) {
    note_group(group.css, &layout);
    note_group((__u64)css, &layout);
  }
  if (BPF_CORE_READ(task, mm) == 0 || BPF_CORE_READ(task, flags) & PF_KTHREAD || !is_on_own_stack(context, task))
    return false;
  return charges_own(task, css);
}

static __always_inline void forget_object(__u64 address, bool unseen)
{
  struct object_entry *object = bpf_map_lookup_elem(&objects, &address);
  if (!object)
    return;
  __u64 number = object->part, bytes = object->bytes;
  /* Only one of two that release it at once. */
  if (bpf_map_delete_elem(&objects, &address))
    return;
  struct part *part = bpf_map_lookup_elem(&parts, &number);
  if (!part)
    return;
  if (unseen)
    __sync_fetch_and_add(&part->unseen, 1);
  change_part(part, -1, -(__s64)bytes);
}

static __always_inline void note_usage(void)
{
  __u64 usage = place.unified && layout.incomplete ? 0 : usage_of(&group, &layout);
  if (usage < profile.usage || (usage == profile.usage && profile.live_now <= profile.live))
    return;
  profile.usage = usage;
  profile.live = profile.live_now;
  profile.at_ns = bpf_ktime_get_ns();
  profile.number++;
}

/* Of what remains of the key, the caller has set the rest. */
static __always_inline int note_object(void *context, struct task_struct *task, __u64 address, struct part_key *key)
{
  key->call = BPF_CORE_READ(task, flags) & PF_IO_WORKER ? IN_UNKNOWN : call_number();
  key->user = fingerprint();
  bpf_get_current_comm(key->comm, sizeof key->comm);
  __u64 number = number_of(key), bytes = key->bytes;
  struct part *part = bpf_map_lookup_elem(&parts, &number);
  if (!part)
    part = make_part(context, key, number, address);
  if (!part) {
    number = CUT_PART;
    __sync_fetch_and_add(&profile.cut, 1);
    part = bpf_map_lookup_elem(&parts, &number);
    if (!part)
      return 0;
  }
  struct object_entry object = {.part = number, .bytes = key->bytes, .kind = key->kind};
  long error = bpf_map_update_elem(&objects, &address, &object, BPF_NOEXIST);
  if (error == EXISTS) {
    forget_object(address, true);
    error = bpf_map_update_elem(&objects, &address, &object, BPF_NOEXIST);
  }
  __sync_fetch_and_add(&part->objects, 1);
  __sync_fetch_and_add(&part->bytes, bytes);
  if (error)
    __sync_fetch_and_add(&profile.untracked, 1);
  else
    change_part(part, 1, (__s64)bytes);
  note_usage();
  return 0;
}

static __always_inline int note_release(__u64 address)
{
  if (!profile.ended)
    forget_object(address, false);
  return 0;
}

SEC("tp_btf/kmem_cache_alloc")
int BPF_PROG(object_allocated, unsigned long site, void *unread, struct kmem_cache *cache, unsigned int gfp)
{
  __u64 object = argument(ctx, 1);
  if (!object || !is_accounted(cache, gfp))
    return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  if (!is_charged_here(ctx, task))
    return 0;
  struct part_key key = {.site = site, .cache = argument(ctx, 2), .bytes = cache->size + POINTER, .kind = PART_OBJECT};
  return note_object(ctx, task, object, &key);
}

SEC("tp_btf/kmalloc")
int BPF_PROG(bytes_allocated, unsigned long site, void *unread, unsigned long asked, unsigned long bytes,
             unsigned int gfp)
{
  __u64 object = argument(ctx, 1);
  if (!object || !(gfp & GFP_ACCOUNT) || bytes > LARGEST_OBJECT)
    return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  if (!is_charged_here(ctx, task))
    return 0;
  struct part_key key = {.site = site, .bytes = (__u32)bytes + POINTER, .kind = PART_OBJECT};
  return note_object(ctx, task, object, &key);
}

SEC("tp_btf/kmem_cache_free")
int BPF_PROG(object_freed)
{
  return note_release(argument(ctx, 1));
}

SEC("tp_btf/kfree")
int BPF_PROG(bytes_freed)
{
  return note_release(argument(ctx, 1));
}

SEC("tp_btf/mm_page_alloc")
int BPF_PROG(page_allocated, struct page *page, unsigned int order, unsigned int gfp)
{
  if (!page || !(gfp & GFP_ACCOUNT))
    return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  if (!is_charged_here(ctx, task))
    return 0;
  struct part_key key = {.bytes = (__u32)(PAGE_BYTES << (order & 15)), .kind = PART_PAGES};
  key.kernel = save_stack(ctx);
  return note_object(ctx, task, (__u64)page, &key);
}

SEC("tp_btf/mm_page_free")
int BPF_PROG(page_freed, struct page *page)
{
  return note_release((__u64)page);
}

SEC("tp_btf/percpu_alloc_percpu")
int BPF_PROG(percpu_allocated, unsigned long site, bool reserved, bool atomic, unsigned long size, unsigned long align,
             void *base, int offset, void *unread, unsigned long bytes, unsigned int gfp)
{
  __u64 object = argument(ctx, 7);
  if (!object || !(gfp & GFP_ACCOUNT))
    return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  if (!is_charged_here(ctx, task))
    return 0;
  struct part_key key = {.site = site, .bytes = (__u32)bytes, .kind = PART_PERCPU};
  return note_object(ctx, task, object, &key);
}

SEC("tp_btf/percpu_free_percpu")
int BPF_PROG(percpu_freed)
{
  return note_release(argument(ctx, 2));
}

/* A kernel stack is charged without an event.  Its key differs from that of the task, which is an object. */
#define STACK_OF(task) ((task) + 1)

SEC("tp_btf/task_newtask")
int BPF_PROG(task_started)
{
  struct task_struct *task = bpf_get_current_task_btf();
  if (!is_charged_here(ctx, task))
    return 0;
  struct part_key key = {.bytes = STACK_BYTES, .kind = PART_STACK};
  key.kernel = save_stack(ctx);
  return note_object(ctx, task, STACK_OF(argument(ctx, 0)), &key);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(task_ended)
{
  return note_release(STACK_OF(argument(ctx, 0)));
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(group_removed)
{
  return forget_group(ctx, &group, &layout);
}

SEC("syscall/locate")
int locate(void *context)
{
  find_memory(&check);
  return place.unified && !find_figures(&layout);
}

SEC("syscall/read")
int read_usage(void *context)
{
  profile.usage_now = group.css && !(place.unified && layout.incomplete) ? usage_of(&group, &layout) : NOT_READ;
  return 0;
}

/* At the end: takes an object whose release was not seen off its part. */
SEC("syscall/check")
int check_object(void *context)
{
  if (check.is_right && is_free(&check, check.object))
    forget_object(check.object, true);
  return 0;
}
