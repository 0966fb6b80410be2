#include "maps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "bpf.h"

enum { MAX_REFUSAL_COUNTS = 1024 };

struct maps bpf_maps;

uint64_t total_of(enum total which)
{
  uint64_t value = 0;
  uint32_t key = which;
  get_entry(bpf_maps.totals, &key, &value);
  return value;
}

bool make_maps(const char *cgroup)
{
  uint32_t first = 0;
  int directory = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return false;
  bool made =
      (bpf_maps.tasks = make_map(BPF_MAP_TYPE_LRU_HASH, 4, sizeof(struct refused_task), MAX_REFUSED_TASKS)) >= 0 &&
      (bpf_maps.counts = make_map(BPF_MAP_TYPE_HASH, sizeof(struct refusal_kind), 8, MAX_REFUSAL_COUNTS)) >= 0 &&
      (bpf_maps.totals = make_map(BPF_MAP_TYPE_ARRAY, 4, 8, TOTALS)) >= 0 &&
      (bpf_maps.ring = make_map(BPF_MAP_TYPE_RINGBUF, 0, 0, REFUSAL_RING)) >= 0 &&
      (bpf_maps.joiner = make_map(BPF_MAP_TYPE_ARRAY, 4, 4, 1)) >= 0 &&
      (bpf_maps.paths = make_map(BPF_MAP_TYPE_ARRAY, 4, 4, 512)) >= 0 &&
      (bpf_maps.cgroups = make_map(BPF_MAP_TYPE_CGROUP_ARRAY, 4, 4, 1)) >= 0 &&
      set_entry(bpf_maps.cgroups, &first, &directory) == 0;
  int saved = errno;
  close(directory);
  errno = saved;
  return made;
}

bool map_ring(void)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_maps.ring, 0);
  void *producer = mmap(NULL, page + 2 * REFUSAL_RING, PROT_READ, MAP_SHARED, bpf_maps.ring, (off_t)page);
  if (consumer == MAP_FAILED || producer == MAP_FAILED)
    return false;
  bpf_maps.consumer = consumer;
  bpf_maps.producer = producer;
  bpf_maps.data = (const char *)producer + page;
  return true;
}
