/**
 * What every allocation passes through: our programs, the functions that they answer for, and those of mm/. The slab
 * cache would say less: caches of equal sizes are merged, and have the name of the first.
 */
const ALLOCATOR =
  /^(?:bpf_|__bpf_|__traceiter_|0x|should_fail|security_|_*(?:kmem_cache|kmalloc|krealloc|kvmalloc|kzalloc|vmalloc|slab)|new_slab|allocate_slab|_*memcg_|obj_cgroup_charge|(?:__)?(?:alloc_pages|alloc_frozen_pages|get_free_pages|get_zeroed_page|folio_alloc)|get_page_from_freelist|prepare_alloc_pages)/;

/** The frames of a kernel stack from the function that asked for memory, from the inside out. */
export function outsideAllocator(frames: readonly string[]): readonly string[] {
  const first = frames.findIndex((frame) => !ALLOCATOR.test(frame));
  return first < 0 ? [] : frames.slice(first);
}
