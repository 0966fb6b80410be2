#include "sizes.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proc.h"

enum { PAGE = 4096, TABLE_SPAN = 2 << 20, TABLES_OF_A_DIRECTORY = 512, MOST_OF_AN_ENTRY = 1 << 26 };

/* More than any machine has: a sum of two does not overflow. */
static const uint64_t HUGE_SIZE = 1ull << 60;

static uint64_t power_of_two(uint64_t n)
{
  uint64_t power = 1;
  while (power < n)
    power *= 2;
  return power;
}

static uint64_t tables_for(uint64_t length)
{
  uint64_t tables = length / TABLE_SPAN + (length % TABLE_SPAN != 0);
  return (tables + tables / TABLES_OF_A_DIRECTORY) * PAGE;
}

/* Sources: kernel/bpf/arraymap.c, hashtab.c, ringbuf.c, queue_stack_maps.c, stackmap.c; measured on 6.18. */
static const struct map_kind {
  uint8_t bucket; /* bytes per bucket, for a power of two of buckets */
  uint8_t entry;  /* bytes per entry, in addition to its key and value */
  bool key, value, value_per_cpu;
  bool on_demand; /* entries are created on use, if the flag says so */
} map_kinds[] = {
    [BPF_MAP_TYPE_HASH] = {16, 48, true, true, false, true},
    [BPF_MAP_TYPE_ARRAY] = {.value = true},
    [BPF_MAP_TYPE_PROG_ARRAY] = {.entry = 8},
    [BPF_MAP_TYPE_PERF_EVENT_ARRAY] = {.entry = 8},
    [BPF_MAP_TYPE_PERCPU_HASH] = {16, 56, true, false, true, true},
    [BPF_MAP_TYPE_PERCPU_ARRAY] = {.entry = 8, .value_per_cpu = true},
    [BPF_MAP_TYPE_STACK_TRACE] = {8, 16, false, true, false, false},
    [BPF_MAP_TYPE_CGROUP_ARRAY] = {.entry = 8},
    [BPF_MAP_TYPE_LRU_HASH] = {16, 48, true, true, false, false},
    [BPF_MAP_TYPE_LRU_PERCPU_HASH] = {16, 56, true, false, true, false},
    [BPF_MAP_TYPE_ARRAY_OF_MAPS] = {.entry = 8},
    [BPF_MAP_TYPE_HASH_OF_MAPS] = {16, 48, true, true, false, true},
    [BPF_MAP_TYPE_DEVMAP] = {.entry = 8},
    [BPF_MAP_TYPE_SOCKMAP] = {.entry = 8},
    [BPF_MAP_TYPE_CPUMAP] = {.entry = 8},
    [BPF_MAP_TYPE_XSKMAP] = {.entry = 8},
    [BPF_MAP_TYPE_SOCKHASH] = {.bucket = 16},
    [BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = {.entry = 8},
    [BPF_MAP_TYPE_QUEUE] = {.value = true},
    [BPF_MAP_TYPE_STACK] = {.value = true},
    [BPF_MAP_TYPE_DEVMAP_HASH] = {.bucket = 8},
    [BPF_MAP_TYPE_RINGBUF] = {.entry = 1},
};

static uint64_t bytes_of_map(const struct request *r)
{
  struct {
    uint32_t type, key_size, value_size, max_entries, flags;
  } map;
  if (!read_memory(tid_of(r), args_of(r)[1], &map, sizeof map) || map.type >= sizeof map_kinds / sizeof *map_kinds)
    return 0;
  const struct map_kind *kind = &map_kinds[map.type];
  uint64_t key = kind->key ? ((uint64_t)map.key_size + 7) & ~7ull : 0, value = ((uint64_t)map.value_size + 7) & ~7ull;
  uint64_t values = kind->value_per_cpu ? cpu_count() : kind->value;
  uint64_t entry = kind->entry + key + value * values;
  if (entry > MOST_OF_AN_ENTRY)
    entry = MOST_OF_AN_ENTRY;
  if (kind->on_demand && (map.flags & BPF_F_NO_PREALLOC))
    entry = 0;
  return (kind->bucket ? power_of_two(map.max_entries) * kind->bucket : 0) + map.max_entries * entry;
}

/* A mapping that is populated at once. Inaccessible pages are not, and large pages have no tables below them. */
static uint64_t tables_to_populate(const uint64_t *args)
{
  uint64_t protection = args[2], flags = args[3];
  bool populates = (flags & MAP_LOCKED) || (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
  return populates && protection != PROT_NONE && !(flags & MAP_HUGETLB) ? tables_for(args[1]) : 0;
}

/* Moving to where the tables cannot follow: whole tables are moved if source and target are aligned alike. */
static uint64_t tables_to_move(const uint64_t *args)
{
  return (args[3] & MREMAP_FIXED) && (args[0] - args[4]) % TABLE_SPAN != 0 ? tables_for(args[1]) : 0;
}

static uint64_t instructions(const struct request *r)
{
  uint16_t count = 0;
  return read_memory(tid_of(r), args_of(r)[r->call->size_arg], &count, sizeof count) ? count : 0;
}

/* struct xattr_args: the value's address, its size, flags. */
static uint64_t bytes_of_attribute(const struct request *r)
{
  uint32_t size = 0;
  return read_memory(tid_of(r), args_of(r)[r->call->size_arg] + 8, &size, sizeof size) ? power_of_two(size) : 0;
}

/* The kernel accepts 32-bit sizes; larger ones fail anyway. */
static uint64_t scaled(const struct request *r)
{
  return (args_of(r)[r->call->size_arg] & UINT32_MAX) * r->call->factor / r->call->divisor;
}

int64_t size_at_most(const struct request *r)
{
  uint64_t size = 0;
  switch (r->call->size) {
  case SIZE_NONE: break;
  case SIZE_ARGUMENT: size = scaled(r); break;
  case SIZE_POWER: size = power_of_two(scaled(r)); break;
  case SIZE_FILTER: size = instructions(r) * r->call->factor / r->call->divisor; break;
  case SIZE_XATTR: size = bytes_of_attribute(r); break;
  case SIZE_BPF_MAP: size = bytes_of_map(r); break;
  case SIZE_MAPPING: size = tables_to_populate(args_of(r)); break;
  case SIZE_MOVE: size = tables_to_move(args_of(r)); break;
  case SIZE_RANGE: size = tables_for(args_of(r)[1]); break;
  case SIZE_ALL: size = HUGE_SIZE; break;
  }
  return (int64_t)(size < HUGE_SIZE ? size : HUGE_SIZE);
}

/* Whether any page in the address range of one table is present.  If unknown: no. */
static bool has_table(int pagemap, uint64_t table)
{
  uint64_t entries[TABLE_SPAN / PAGE];
  off_t place = (off_t)(table * sizeof entries);
  if (pagemap < 0 || pread(pagemap, entries, sizeof entries, place) != sizeof entries)
    return false;
  for (unsigned i = 0; i < TABLE_SPAN / PAGE; i++)
    if (entries[i] >> 62 != 0) /* present or swapped: admin-guide/mm/pagemap.rst */
      return true;
  return false;
}

/* Bytes of tables missing for [start, end), within accessible mappings. */
static int64_t missing_tables(pid_t tid, uint64_t start, uint64_t end, int64_t enough)
{
  char path[40], row[512];
  uint64_t next = 0; /* two mappings can share a table */
  int64_t missing = 0;
  snprintf(path, sizeof path, "/proc/%d/maps", tid);
  FILE *maps = fopen(path, "re");
  if (maps == NULL)
    return 0;
  snprintf(path, sizeof path, "/proc/%d/pagemap", tid);
  int pagemap = open(path, O_RDONLY | O_CLOEXEC);
  while (missing <= enough && fgets(row, sizeof row, maps)) {
    uint64_t from, to;
    char access[5];
    if (sscanf(row, "%" SCNx64 "-%" SCNx64 " %4s", &from, &to, access) != 3 || !strncmp(access, "---", 3) ||
        from >> 63 != 0) /* vsyscall */
      continue;
    from = from > start ? from : start;
    to = to < end ? to : end;
    for (uint64_t table = from / TABLE_SPAN > next ? from / TABLE_SPAN : next;
         from < to && missing <= enough && table <= (to - 1) / TABLE_SPAN; table++) {
      missing += has_table(pagemap, table) ? 0 : PAGE;
      next = table + 1;
    }
  }
  if (pagemap >= 0)
    close(pagemap);
  fclose(maps);
  return missing;
}

int64_t size_without_tables(const struct request *r, int64_t enough)
{
  uint64_t start = args_of(r)[0], length = args_of(r)[1];
  if (r->call->size == SIZE_ALL)
    return missing_tables(tid_of(r), 0, UINT64_MAX, enough);
  if (r->call->size == SIZE_RANGE)
    return missing_tables(tid_of(r), start, start + length, enough);
  return size_at_most(r);
}
