/* The ring of events, in our own memory that is mapped twice, like the kernel's. */
#include "../../../src/native/helper/ring.h"

#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

enum { SIZE = 4096, RECORD = 24 };

static uint64_t consumer, producer;
static char *data;
static uint64_t seen[1000];
static int seen_count;

static void take(const void *event)
{
  memcpy(&seen[seen_count++], event, sizeof *seen);
}

static void put_head(uint64_t at, uint32_t length)
{
  memcpy(data + at % SIZE, &length, sizeof length);
}

/* A 16-byte event whose first 8 bytes are a number. */
static void put(uint64_t number, uint32_t flags)
{
  put_head(producer, 16 | flags);
  memcpy(data + producer % SIZE + BPF_RINGBUF_HDR_SZ, &number, sizeof number);
  producer += RECORD;
}

static bool open_ring(struct ring *ring)
{
  int file = memfd_create("ring", MFD_CLOEXEC);
  char *area = mmap(NULL, 2 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (file < 0 || ftruncate(file, SIZE) < 0 || area == MAP_FAILED)
    return false;
  for (int i = 0; i < 2; i++)
    if (mmap(area + i * SIZE, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED)
      return false;
  close(file);
  data = area;
  *ring = (struct ring){.consumer = &consumer, .producer = &producer, .data = area, .size = SIZE};
  return true;
}

void test_ring(void)
{
  struct ring ring = {0};
  read_ring(&ring, take);
  check_number(seen_count, 0, "ring: one that is not mapped has no events");
  check(open_ring(&ring), "ring: it is made");
  read_ring(&ring, take);
  check_number(seen_count, 0, "ring: an empty one has none");
  put(1, 0);
  put(2, BPF_RINGBUF_DISCARD_BIT);
  put(3, 0);
  uint64_t busy = producer;
  put(4, BPF_RINGBUF_BUSY_BIT);
  put(5, 0);
  read_ring(&ring, take);
  check(seen_count == 2 && seen[0] == 1 && seen[1] == 3, "ring: events in order, without one that was dropped");
  check_number((long long)consumer, (long long)busy, "ring: it waits for one that is being written");
  put_head(busy, 16);
  read_ring(&ring, take);
  check(seen_count == 4 && seen[2] == 4 && seen[3] == 5, "ring: then goes on");
  put(6, 0);
  read_ring(&ring, NULL);
  check(seen_count == 4 && consumer == producer, "ring: without a reader events are dropped");
  seen_count = 0;
  for (uint64_t i = 0; i < 900; i++) {
    put(i, 0);
    if (i % 100 == 99) /* wraps around several times, with events across the end */
      read_ring(&ring, take);
  }
  bool in_order = seen_count == 900;
  for (int i = 0; i < seen_count; i++)
    in_order &= seen[i] == (uint64_t)i;
  check(in_order, "ring: around its end");
  munmap(data, 2 * SIZE);
}
