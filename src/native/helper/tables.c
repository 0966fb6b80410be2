#include "tables.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "proc.h"

static struct table {
  pid_t pid;
  int64_t calls_left;
} tables[COMM_CACHE];

enum { SMALLEST_TABLE = 64, MOST_UNSEEN = 64, SMALLEST_COPY = 256 };

/* Pointers, and three bitmaps (fs/file.c, alloc_fdtable). */
static int64_t table_bytes(uint64_t descriptors)
{
  uint64_t size = SMALLEST_TABLE;
  while (size < descriptors)
    size *= 2;
  return (int64_t)(size * 8 + size / 4);
}

/* A lower bound on the unused descriptors in a table of `size`; exact if below 2. */
static uint64_t free_descriptors(pid_t pid, uint64_t size, uint64_t enough)
{
  char path[64];
  struct stat s;
  uint64_t used = 0, free = 0;
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  if (stat(path, &s) == 0 && s.st_size > 0) /* since Linux 6.2 */
    return size > (uint64_t)s.st_size ? size - (uint64_t)s.st_size : 0;
  /*
   * Earlier, listing a large table would make the kernel keep a name per descriptor.  The lowest are allocated first.
   */
  for (uint64_t i = size; size > 2 * enough && i > size - enough; i--) {
    snprintf(path, sizeof path, "/proc/%d/fd/%" PRIu64, pid, i - 1);
    free += lstat(path, &s) < 0 && errno == ENOENT;
  }
  if (free >= 2)
    return free;
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR *dir = opendir(path);
  if (dir == NULL)
    return size;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
    used += entry->d_name[0] != '.';
  closedir(dir);
  return size > used ? size - used : 0;
}

/* A descriptor number chosen by the caller: dup2, dup3, F_DUPFD. */
static bool names_descriptor(const struct request *r, uint64_t *descriptor)
{
  if (r->call->named < 0)
    return false;
  *descriptor = args_of(r)[r->call->named] & UINT32_MAX;
  return true;
}

/* proc_pid_fd(5) lists descriptors in order; its position is the next descriptor's number plus two. */
static bool has_descriptor_from(int dir, uint64_t descriptor)
{
  char entry[32]; /* room for one entry: the kernel keeps a name for each it lists */
  return lseek(dir, (off_t)descriptor + 2, SEEK_SET) >= 0 && syscall(SYS_getdents64, dir, entry, sizeof entry) > 0;
}

int64_t table_copy(pid_t tid)
{
  char path[64];
  uint64_t size = SMALLEST_COPY;
  snprintf(path, sizeof path, "/proc/%d/fd", tid);
  int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0)
    return 0;
  while (has_descriptor_from(dir, size))
    size *= 2;
  close(dir);
  return size > SMALLEST_COPY ? table_bytes(size) : 0;
}

int64_t table_growth(const struct request *r, int64_t usage, int64_t room)
{
  pid_t tid = tid_of(r);
  struct table *t = &tables[(unsigned)tid % COMM_CACHE];
  uint64_t named = 0;
  bool names = names_descriptor(r, &named);
  if (t->pid != tid)
    *t = (struct table){tid, 0};
  if (room >= 2 * usage && room >= table_bytes(named + 1)) {
    t->calls_left = 0;
    return 0;
  }
  bool unseen = t->calls_left > 0;
  t->calls_left -= unseen;
  if (unseen && named < SMALLEST_TABLE)
    return 0;
  char text[2048];
  struct rlimit most;
  uint64_t size = read_proc(tid, "status", text, sizeof text) ? status_number(text, "\nFDSize:") : 0;
  if (size == 0 || prlimit(tid, RLIMIT_NOFILE, NULL, &most) < 0)
    return 0;
  if (names && named >= size)
    return named < most.rlim_cur ? table_bytes(named + 1) : 0;
  if (unseen || r->call->exact)
    return 0;
  uint64_t threads = status_number(text, "\nThreads:"), a_round = 2 * (threads ? threads : 1);
  uint64_t free = free_descriptors(tid, size, a_round * MOST_UNSEEN);
  int64_t left = (int64_t)(free / a_round);
  t->calls_left = left < MOST_UNSEEN ? left : MOST_UNSEEN;
  return free < (uint64_t)r->call->creates && size < most.rlim_cur ? table_bytes(size + 1) : 0;
}
