#include "counter.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/file.h"
#include "../common/stat.h"
#include "config.h"
#include "group.h"
#include "proc.h"
#include "readings.h"
#include "run.h"
#include "watched.h"

enum {
  FLUSH_PAGES = 16, /* pages mapped by one page fault: fault_around_bytes */
  FLUSH_BYTES = FLUSH_PAGES * 4096,
  FILE_PAGES = 64, /* a page cache of more than one page has a node: the last page is ours, and so is the node */
  LATE_PAGES = 64, /* changes per CPU that the kernel does not flush (MEMCG_CHARGE_BATCH) */
  MAX_FLUSH_FACTOR = 8,
  TRIALS = 3, /* a change may be seen by chance */
  STAT_SIZE = 8192,
};

static struct {
  enum freshness freshness, by_stat; /* by_stat: memory.stat's own freshness */
  int usage_fd, refresh_fd, file;
  int rounds;
  volatile char *pages;
  char stat[STAT_SIZE], at_peak[STAT_SIZE];
} counter = {.usage_fd = -1, .refresh_fd = -1, .file = -1};

static const char *const kernel_parts[] = {"slab", "kernel_stack", "pagetables", "percpu", "vmalloc"};

int64_t kernel_memory(const char *text)
{
  int64_t sum = stat_figure(text, "kernel");
  if (sum >= 0 || stat_figure(text, "pagetables") < 0)
    return sum;
  sum = 0;
  for (unsigned i = 0; i < sizeof kernel_parts / sizeof *kernel_parts; i++) {
    int64_t part = stat_figure(text, kernel_parts[i]);
    sum += part > 0 ? part : 0;
  }
  return sum;
}

static void map_pages(bool mapped)
{
  if (!mapped)
    madvise((void *)(uintptr_t)counter.pages, FLUSH_BYTES, MADV_DONTNEED);
  for (int i = 0; mapped && i < FLUSH_PAGES; i++)
    (void)counter.pages[i * 4096];
}

/* Leaves mappings unchanged. */
static void force_flush(bool mapped)
{
  for (int round = 0; round < counter.rounds; round++) {
    map_pages(!mapped);
    map_pages(mapped);
  }
}

static bool read_stat(void)
{
  ssize_t n = pread(counter.usage_fd, counter.stat, sizeof counter.stat - 1, 0);
  counter.stat[n > 0 ? n : 0] = '\0';
  return n > 0;
}

static void refresh(bool mapped)
{
  char text[STAT_SIZE];
  if (counter.freshness == FLUSHED)
    force_flush(mapped);
  else if (pread(counter.refresh_fd, text, sizeof text, 0) < 0)
    return; /* then it is late */
}

/* Does memory.stat show changes at once? */
static bool is_fresh(enum freshness freshness)
{
  int64_t before = -1;
  counter.freshness = freshness;
  for (int i = 0; i <= TRIALS; i++) {
    bool mapped = i % 2 == 1;
    map_pages(mapped);
    refresh(mapped);
    if (!read_stat())
      return false;
    int64_t now = stat_figure(counter.stat, "file_mapped");
    if (i > 0 && now - before != (mapped ? FLUSH_BYTES : -FLUSH_BYTES))
      return false;
    before = now;
  }
  return true;
}

static void find_freshness(long cpus)
{
  char *area = mmap(NULL, 2 * FLUSH_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uintptr_t aligned = ((uintptr_t)area + FLUSH_BYTES - 1) & ~(uintptr_t)(FLUSH_BYTES - 1);
  if (area == MAP_FAILED ||
      mmap((void *)aligned, FLUSH_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, counter.file, 0) == MAP_FAILED)
    return;
  counter.pages = (void *)aligned;
  if (counter.refresh_fd >= 0 && is_fresh(REFRESHED)) {
    /* The pages are no longer needed. */
    munmap(area, 2 * FLUSH_BYTES);
    if (ftruncate(counter.file, 0) == 0)
      close(counter.file);
    counter.file = -1;
    return;
  }
  for (int factor = 1; factor <= MAX_FLUSH_FACTOR; factor *= 2) {
    counter.rounds = (int)(cpus + 2) * LATE_PAGES / (2 * FLUSH_PAGES) * factor;
    if (is_fresh(FLUSHED)) {
      map_pages(false);
      return;
    }
  }
  counter.freshness = LATE;
}

/* Pages are charged to the group that owns the address space, so a thread or a vfork child would not do. */
static void charge_pages(void)
{
  pid_t pid = fork_in_group();
  if (pid == 0) {
    bool charged = true;
    for (int i = 0; i < FLUSH_PAGES; i++)
      charged &= pwrite(counter.file, "", 1, i * 4096) == 1;
    _exit(!charged);
  }
  if (pid > 0)
    waitpid(pid, NULL, 0);
}

void prepare_counter(long cpus)
{
  counter.file = memfd_create(HELPER_COMM, MFD_CLOEXEC);
  if (counter.file < 0 || ftruncate(counter.file, FILE_PAGES * 4096) < 0 ||
      pwrite(counter.file, "", 1, (FILE_PAGES - 1) * 4096) != 1)
    return;
  charge_pages();
  find_freshness(cpus);
}

static int64_t read_fresh_stat(void)
{
  refresh(false);
  return read_stat() ? kernel_memory(counter.stat) : -1;
}

void sum_counter(void)
{
  /* If memory.stat is late, a sum cannot be verified. */
  if (counter.freshness == LATE) {
    report_unwatched("readings", ENOTSUP);
    return;
  }
  counter.by_stat = counter.freshness;
  if (start_readings(read_fresh_stat))
    counter.freshness = SUMMED;
  else
    report_unwatched("readings", errno);
}

void correct_counter(void)
{
  if (counter.freshness == SUMMED)
    correct_removed(read_fresh_stat);
}

bool open_counter(void)
{
  counter.usage_fd = open(config.usage_file, O_RDONLY | O_CLOEXEC);
  if (counter.usage_fd < 0)
    return false;
  if (config.refresh_file && !config.max_file) {
    counter.freshness = LATE;
    counter.refresh_fd = open(config.refresh_file, O_RDONLY | O_CLOEXEC);
  }
  return true;
}

/* The runner removes an empty group while "finish" is on its way: then the leaves are gone. */
static bool is_group_there(void)
{
  return access(config.join_into, F_OK) == 0 && access(config.clone_into, F_OK) == 0;
}

int64_t read_counter(void)
{
  if (counter.freshness == EXACT)
    return read_number(counter.usage_fd);
  if (counter.freshness == SUMMED) {
    int64_t usage = read_by_program();
    if (usage >= 0)
      return usage;
    /* The run's own leaves are removed after its end: earlier readings stay valid. */
    if (!is_closed() && is_group_there()) {
      counter.freshness = counter.by_stat;
      report_unwatched("readings", 0);
      if (config.fault_signal >= 0) /* they rely on the same sum */
        report_unwatched("faults", 0);
    }
  }
  return read_fresh_stat();
}

int64_t counter_lag(long cpus)
{
  return counter.freshness == LATE ? (int64_t)cpus * LATE_PAGES * 2 * 4096 : 0;
}

enum freshness counter_freshness(void)
{
  return counter.freshness;
}

void keep_parts(void)
{
  if (counter.freshness == SUMMED) {
    counter.freshness = counter.by_stat;
    read_fresh_stat();
    counter.freshness = SUMMED;
  }
  memcpy(counter.at_peak, counter.stat, sizeof counter.at_peak);
}

int64_t part_at_peak(const char *key)
{
  return counter.freshness == EXACT ? -1 : stat_figure(counter.at_peak, key);
}
