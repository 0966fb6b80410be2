/* Whether an object of a slab is allocated, according to the slab. */
#ifndef KMEM_BPF_SLAB_H
#define KMEM_BPF_SLAB_H

#include "kernel.h"
#include "profile.h"

/* Without randomisation (arch/x86/include/asm/page_64_types.h, pgtable_64_types.h: four levels of page tables). */
#define PAGE_OFFSET 0xffff888000000000ull
#define PAGE_MAP 0xffffea0000000000ull

/*
 * Finds where memory is mapped (x86-64); is_slab_of() shows whether that is right.  Only a program that is run by a system
 * call may look up symbol addresses.
 */
static __always_inline void find_memory(struct check *check)
{
  static const char offset_name[] = "page_offset_base", map_name[] = "vmemmap_base";
  __u64 offset = 0, map = 0;
  check->page_offset = PAGE_OFFSET;
  check->page_map = PAGE_MAP;
  if (bpf_kallsyms_lookup_name(offset_name, sizeof offset_name, 0, &offset) ||
      bpf_kallsyms_lookup_name(map_name, sizeof map_name, 0, &map))
    return;
  bpf_probe_read_kernel(&check->page_offset, sizeof check->page_offset, (const void *)offset);
  bpf_probe_read_kernel(&check->page_map, sizeof check->page_map, (const void *)map);
}

enum { PAGE_SHIFT = 12, PAGE_STRUCT = 64, FLAGS_OF_VECTOR = 7 };

static __always_inline __u64 slab_of(const struct check *check, __u64 object)
{
  __u64 page = check->page_map + ((object - check->page_offset) >> PAGE_SHIFT) * PAGE_STRUCT;
  __u64 head = BPF_CORE_READ((struct page *)page, compound_head);
  return head & 1 ? head - 1 : page;
}

static __always_inline bool is_slab_of(const struct check *check, __u64 object, __u64 cache)
{
  struct slab *slab = (void *)slab_of(check, object);
  return (__u64)BPF_CORE_READ(slab, slab_cache) == cache;
}

/*
 * Whether the slab knows no owner for the object, or is none any more.  An allocated object has an entry in its slab's
 * vector (mm/slab.h, slab_obj_exts(), before 6.10 slab_objcgs()).
 */
static __always_inline bool is_free(const struct check *check, __u64 object)
{
  __u64 page = slab_of(check, object);
  struct slab *slab = (void *)page;
  struct slab___exts *with_exts = (void *)page;
  struct slabobj_ext *ext = 0;
  __u64 vector =
      bpf_core_field_exists(with_exts->obj_exts) ? BPF_CORE_READ(with_exts, obj_exts) : BPF_CORE_READ(slab, memcg_data);
  __u64 entry_bytes = bpf_core_field_exists(ext->ref) ? 2 * sizeof(__u64) : sizeof(__u64), owner = 0;
  __u64 size = BPF_CORE_READ(slab, slab_cache, size);
  vector &= ~(__u64)FLAGS_OF_VECTOR;
  if (!vector || !size)
    return true;
  __u64 start = check->page_offset + ((page - check->page_map) / PAGE_STRUCT << PAGE_SHIFT);
  bpf_probe_read_kernel(&owner, sizeof owner, (const void *)(vector + (object - start) / size * entry_bytes));
  return owner == 0;
}

#endif
