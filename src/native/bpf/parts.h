/* The parts of a profile: the table of them, a new one, and changes of their figures. */
#ifndef KMEM_BPF_PARTS_H
#define KMEM_BPF_PARTS_H

#include "fingerprint.h"
#include "profile.h"
#include "slab.h"

extern struct profile_state profile; /* profile.bpf.c */
extern struct check check;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, __u64);
  __type(value, struct part);
  __uint(max_entries, MAX_PARTS);
} parts SEC(".maps");

/* Where a new part is put together: it does not fit on the programs' stack. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __type(key, __u32);
  __type(value, struct part);
  __uint(max_entries, 1);
} drafts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, PART_RING);
} new_parts SEC(".maps");

static __always_inline __u64 number_of(const struct part_key *key)
{
  const __u64 *word = (const void *)key;
  __u64 number = 0;
  for (unsigned i = 0; i < KEY_WORDS; i++)
    number = mixed(number, word[i]);
  return number == CUT_PART ? 1 : number;
}

static __always_inline struct part *draft(void)
{
  __u32 first = 0;
  return bpf_map_lookup_elem(&drafts, &first);
}

/* Saves the kernel's stack in the draft, for make_part(). */
static __always_inline __u64 save_stack(void *context)
{
  struct part *part = draft();
  if (!part)
    return 0;
  __u64 number = 0;
  __builtin_memset(part->stack, 0, sizeof part->stack);
  bpf_get_stack(context, part->stack, sizeof part->stack, 0);
  /* Unrolled: the verifier would walk the rest of the program for each number of iterations. */
  _Pragma("unroll") for (int i = 0; i < KERNEL_FRAMES; i++) number = mixed(number, part->stack[i]);
  return number;
}

static __always_inline void announce(void *context, const struct part_key *key, __u64 number)
{
  struct part_event *e = bpf_ringbuf_reserve(&new_parts, sizeof *e, 0);
  if (!e) /* the stack stays unknown */
    return;
  e->part = number;
  e->task = bpf_get_current_pid_tgid();
  __builtin_memcpy(e->comm, key->comm, sizeof e->comm);
  __builtin_memset(e->stack, 0, sizeof e->stack);
  bpf_get_stack(context, e->stack, sizeof e->stack, BPF_F_USER_STACK);
  bpf_ringbuf_submit(e, 0);
}

static __always_inline struct part *make_part(void *context, const struct part_key *key, __u64 number, __u64 address)
{
  struct part *fresh = draft();
  if (!fresh)
    return 0;
  if (key->site)
    save_stack(context);
  __builtin_memset(fresh, 0, __builtin_offsetof(struct part, stack));
  fresh->key = *key;
  fresh->peak = profile.number;
  if (key->cache) {
    struct kmem_cache *cache = (void *)key->cache;
    bpf_probe_read_kernel_str(fresh->cache, sizeof fresh->cache, BPF_CORE_READ(cache, name));
    if (is_slab_of(&check, address, key->cache))
      check.is_right = 1;
  }
  if (bpf_map_update_elem(&parts, &number, fresh, BPF_NOEXIST) == 0)
    announce(context, key, number);
  return bpf_map_lookup_elem(&parts, &number);
}

static __always_inline void change_part(struct part *part, __s64 objects, __s64 bytes)
{
  if (part->peak != profile.number) {
    part->peak_objects = part->live_objects;
    part->peak_bytes = part->live_bytes;
    part->peak = profile.number;
  }
  __sync_fetch_and_add(&part->live_objects, objects);
  __sync_fetch_and_add(&part->live_bytes, bytes);
  __sync_fetch_and_add(&profile.live_now, bytes);
}

#endif
