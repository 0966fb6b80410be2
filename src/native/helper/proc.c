#include "proc.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/file.h"
#include "timed.h"

enum { MOST_TRANSFERRED = 4096, PAGEMAPS = 64 };

struct transfer {
  pid_t tid;
  bool writes, done;
  uint64_t address;
  size_t size;
  char bytes[MOST_TRANSFERRED];
};

static void transfer(void *data)
{
  struct transfer *t = data;
  struct iovec local = {t->bytes, t->size}, remote = {(void *)(uintptr_t)t->address, t->size};
  t->done = (t->writes ? process_vm_writev : process_vm_readv)(t->tid, &local, 1, &remote, 1, 0) == (ssize_t)t->size;
}

/* Bits of a pagemap entry: Documentation/admin-guide/mm/pagemap.rst. */
enum { PAGE_BYTES = 4096, MOST_PAGES = MOST_TRANSFERRED / PAGE_BYTES + 1 };
#define PAGE_PRESENT (1ull << 63)
#define PAGE_OF_FILE (1ull << 61)
#define PAGE_WRITE_PROTECTED (1ull << 57) /* by a userfaultfd */

/* For the tasks whose memory was read last. */
static int pagemap_of(pid_t tid, bool anew)
{
  static struct {
    pid_t tid;
    int fd;
  } files[PAGEMAPS];
  int i = tid % PAGEMAPS;
  if (files[i].tid == tid && !anew)
    return files[i].fd;
  if (files[i].tid != 0)
    close(files[i].fd);
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/pagemap", tid);
  files[i].fd = open(path, O_RDONLY | O_CLOEXEC);
  files[i].tid = files[i].fd < 0 ? 0 : tid;
  return files[i].fd;
}

/* Reading present pages, or writing present ones that belong to no file, never blocks. */
static bool is_there(const struct transfer *t)
{
  uint64_t first = t->address / PAGE_BYTES, pages[MOST_PAGES];
  size_t count = (size_t)((t->address + t->size - 1) / PAGE_BYTES - first + 1);
  if (t->size == 0 || count > MOST_PAGES)
    return false;
  ssize_t size = (ssize_t)(count * sizeof *pages), n = 0;
  /* If the program has called exec since, its file is empty. */
  for (int tries = 0; tries < 2 && n != size; tries++)
    n = pread(pagemap_of(t->tid, tries > 0), pages, (size_t)size, (off_t)(first * sizeof *pages));
  for (size_t i = 0; i < count && n == size; i++)
    if (!(pages[i] & PAGE_PRESENT) || (t->writes && (pages[i] & (PAGE_OF_FILE | PAGE_WRITE_PROTECTED))))
      n = 0;
  return n == size;
}

static bool do_transfer(struct transfer *t)
{
  /* A page can vanish between check and transfer, and only SIGKILL interrupts the wait for it. */
  bool there = begin_wait();
  if (there) {
    there = is_there(t);
    if (there)
      transfer(t);
    end_wait();
  }
  return (there || do_in_time(transfer, t, offsetof(struct transfer, bytes) + t->size)) && t->done;
}

bool read_memory(pid_t tid, uint64_t address, void *data, size_t size)
{
  struct transfer t;
  if (size > sizeof t.bytes)
    return false;
  t = (struct transfer){.tid = tid, .address = address, .size = size};
  bool done = do_transfer(&t);
  if (done)
    memcpy(data, t.bytes, size);
  return done;
}

bool write_memory(pid_t tid, uint64_t address, const void *data, size_t size)
{
  struct transfer t;
  if (size > sizeof t.bytes)
    return false;
  t = (struct transfer){.tid = tid, .writes = true, .address = address, .size = size};
  memcpy(t.bytes, data, size);
  return do_transfer(&t);
}

bool read_string(pid_t tid, uint64_t address, char *text, size_t size)
{
  size_t used = 0;
  while (address != 0 && used + 1 < size) {
    size_t chunk = 4096 - (address + used) % 4096; /* never across a page that may be missing */
    if (chunk > size - 1 - used)
      chunk = size - 1 - used;
    if (!read_memory(tid, address + used, text + used, chunk))
      return false;
    if (memchr(text + used, '\0', chunk))
      return true;
    used += chunk;
  }
  text[used] = '\0';
  return used > 0;
}

/* The first one's inode number is fixed: PROC_PID_INIT_INO of linux/proc_ns.h. */
bool is_in_first_pid_namespace(void)
{
  char text[40];
  ssize_t n = readlink("/proc/self/ns/pid", text, sizeof text - 1);
  text[n > 0 ? n : 0] = '\0';
  return !strcmp(text, "pid:[4026531836]");
}

const char *executable(pid_t tid, char *text, size_t size)
{
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/exe", tid);
  ssize_t n = readlink(path, text, size - 1);
  if (n <= 0)
    return NULL;
  text[n] = '\0';
  return text;
}

bool read_proc(pid_t pid, const char *name, char *text, size_t size)
{
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  return read_file(path, text, size) > 0;
}

uint64_t status_number(const char *status, const char *key)
{
  const char *field = strstr(status, key);
  return field ? strtoull(field + strlen(key), NULL, 10) : 0;
}

pid_t thread_group(pid_t tid)
{
  char text[1024];
  uint64_t tgid = read_proc(tid, "status", text, sizeof text) ? status_number(text, "\nTgid:") : 0;
  return tgid ? (pid_t)tgid : -1;
}

enum { COMM_FRESH_MS = 100 };

/* comm by tid; it may change (exec, prctl), so an entry is trusted only briefly. */
static struct {
  pid_t tid;
  uint64_t read_ns;
  char comm[20];
} comms[COMM_CACHE];

void forget_comm(pid_t tid)
{
  comms[(unsigned)tid % COMM_CACHE].tid = 0;
}

const char *comm_of(pid_t tid, uint64_t now)
{
  unsigned slot = (unsigned)tid % COMM_CACHE;
  if (comms[slot].tid == tid && now - comms[slot].read_ns < COMM_FRESH_MS * 1000000ull)
    return comms[slot].comm;
  char text[64];
  if (!read_proc(tid, "comm", text, sizeof text))
    return NULL;
  size_t last = strlen(text) - 1;
  if (text[last] == '\n')
    text[last] = '\0';
  comms[slot].tid = tid;
  comms[slot].read_ns = now;
  snprintf(comms[slot].comm, sizeof comms[slot].comm, "%.19s", text);
  return comms[slot].comm;
}

uint64_t start_of(pid_t tid)
{
  char text[1024];
  return read_proc(tid, "stat", text, sizeof text) ? stat_field(text, 22) : 0;
}

pid_t tid_in_namespace(pid_t tid)
{
  char text[2048];
  char *field = read_proc(tid, "status", text, sizeof text) ? strstr(text, "\nNSpid:") : NULL;
  if (field == NULL)
    return tid;
  field[1 + strcspn(field + 1, "\n")] = '\0';
  return atoi(strrchr(field, '\t') + 1);
}

uint64_t boot_ticks(void)
{
  return (uint64_t)uptime_ms() / 10;
}

uint64_t stat_field(const char *stat, int number)
{
  const char *p = strrchr(stat, ')');
  for (int field = 2; p != NULL && field < number; field++)
    p = strchr(p + 1, ' ');
  return p ? strtoull(p + 1, NULL, 10) : 0;
}

uint64_t cpu_ns_of(pid_t tid)
{
  char text[128];
  return read_proc(tid, "schedstat", text, sizeof text) ? strtoull(text, NULL, 10) : 0;
}

pid_t newest_pid(void)
{
  char text[128];
  const char *last = read_text("/proc/loadavg", text, sizeof text) ? strrchr(text, ' ') : NULL;
  return last != NULL ? atoi(last) : 0;
}

uint64_t cpu_count(void)
{
  static uint64_t count;
  if (count == 0) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    count = cpus > 0 ? (uint64_t)cpus : 1;
  }
  return count;
}
