#include "ring.h"

#include <linux/bpf.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

bool map_ring(struct ring *ring, int map, uint32_t size)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (map < 0)
    return false;
  void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
  void *producer = mmap(NULL, page + 2 * (size_t)size, PROT_READ, MAP_SHARED, map, (off_t)page);
  if (consumer == MAP_FAILED || producer == MAP_FAILED)
    return false;
  /* What is in there was sent for the last borrower. */
  __atomic_store_n((uint64_t *)consumer, __atomic_load_n((const uint64_t *)producer, __ATOMIC_ACQUIRE),
                   __ATOMIC_RELEASE);
  *ring =
      (struct ring){.consumer = consumer, .producer = producer, .data = (const char *)producer + page, .size = size};
  return true;
}

void read_ring(struct ring *ring, void (*handle)(const void *event))
{
  if (ring->consumer == NULL)
    return;
  /*
   * Later events are left for the next time: a task that produces events faster than they are read would hold us here.
   */
  uint64_t at = *ring->consumer, end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
  while (at < end) {
    const char *record = ring->data + (at & (ring->size - 1));
    uint32_t length = __atomic_load_n((const uint32_t *)(const void *)record, __ATOMIC_ACQUIRE);
    if (length & BPF_RINGBUF_BUSY_BIT)
      return;
    if (handle != NULL && !(length & BPF_RINGBUF_DISCARD_BIT))
      handle(record + BPF_RINGBUF_HDR_SZ);
    at += ((length & ~(uint32_t)BPF_RINGBUF_DISCARD_BIT) + BPF_RINGBUF_HDR_SZ + 7) & ~7ull;
    __atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
  }
}
