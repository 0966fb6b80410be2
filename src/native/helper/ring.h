/* The kernel's event ring (BPF_MAP_TYPE_RINGBUF), mapped into our own memory. */
#ifndef KMEM_HELPER_RING_H
#define KMEM_HELPER_RING_H

#include <stdbool.h>
#include <stdint.h>

struct ring {
  uint64_t *consumer; /* NULL: not mapped */
  const uint64_t *producer;
  const char *data;
  uint32_t size;
};

/* `size`: the map's number of entries.  Events that are in it already are dropped.  False with errno. */
bool map_ring(struct ring *ring, int map, uint32_t size);

/* Passes each complete event to `handle`; NULL drops it. */
void read_ring(struct ring *ring, void (*handle)(const void *event));

#endif
