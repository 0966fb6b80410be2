#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/file.h"
#include "../common/memory.h"
#include "sysctls.h"

enum {
  LINE = 512,
  DEPTH = 8,
  TRIES = 100, /* keys, groups and modules are removed a little later */
  WAIT_MS = 20,
};

#define OWN_MODULE "kmem_native "

/* Lines, sorted before they are compared. */
struct list {
  char **lines;
  size_t count, room;
};

static struct list before;
static int64_t memory_before;

static __attribute__((format(printf, 2, 3))) void add(struct list *list, const char *format, ...)
{
  char text[LINE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (list->count == list->room)
    list->lines = must(realloc(list->lines, (list->room = list->room * 2 + 256) * sizeof *list->lines));
  list->lines[list->count++] = must(strdup(text));
}

static int compare(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void clear(struct list *list)
{
  for (size_t i = 0; i < list->count; i++)
    free(list->lines[i]);
  list->count = 0;
}

typedef void visitor(struct list *list, const char *path, const struct stat *st);

static void walk(struct list *list, const char *path, int depth, visitor *visit)
{
  DIR *directory = depth > DEPTH ? NULL : opendir(path);
  for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
    char below[LINE];
    struct stat st;
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
      continue;
    if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) >= (int)sizeof below || lstat(below, &st) < 0)
      continue;
    visit(list, below, &st);
    if (S_ISDIR(st.st_mode))
      walk(list, below, depth + 1, visit);
  }
  if (directory != NULL)
    closedir(directory);
}

static void visit_group(struct list *list, const char *path, const struct stat *st)
{
  if (S_ISDIR(st->st_mode))
    add(list, "group %s", path);
}

static void visit_device(struct list *list, const char *path, const struct stat *st)
{
  add(list, "device %s %o %u %u %llx", path, st->st_mode, st->st_uid, st->st_gid, (unsigned long long)st->st_rdev);
}

static void visit_instance(struct list *list, const char *path, const struct stat *st)
{
  if (S_ISDIR(st->st_mode))
    add(list, "trace %s", path);
}

/* `from`: the first column that stays the same, counted from 1. */
static void add_rows(struct list *list, const char *what, const char *path, int from)
{
  FILE *file = fopen(path, "re");
  for (char row[LINE]; file != NULL && fgets(row, sizeof row, file) != NULL;) {
    char *rest = row;
    for (int i = 1; i < from; i++) {
      rest += strcspn(rest, " ");
      rest += strspn(rest, " ");
    }
    rest[strcspn(rest, "\n")] = '\0';
    add(list, "%s %.400s", what, rest);
  }
  if (file != NULL)
    fclose(file);
}

static void add_of_process(struct list *list, const char *what, pid_t pid, const char *name)
{
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  add_rows(list, what, path, 1);
}

/* Loading it is what matters.  Our own module stays after the first run that uses it: idle, it changes nothing. */
static void add_modules(struct list *list)
{
  FILE *file = fopen("/proc/modules", "re");
  for (char row[LINE]; file != NULL && fgets(row, sizeof row, file) != NULL;)
    if (strncmp(row, OWN_MODULE, strlen(OWN_MODULE)) != 0)
      add(list, "module %.*s", (int)strcspn(row, " "), row);
  if (file != NULL)
    fclose(file);
}

static void add_clock(struct list *list)
{
  struct timex clock = {0};
  if (adjtimex(&clock) >= 0)
    add(list, "clock %ld %ld %ld", clock.freq, clock.tick, clock.offset);
}

/* _uid keyrings are made when a user's keys are asked for, by what kmem-run itself starts, too: what is in them counts. */
static void add_keys(struct list *list)
{
  FILE *file = fopen("/proc/keys", "re");
  for (char row[LINE]; file != NULL && fgets(row, sizeof row, file) != NULL;) {
    char flags[16], usage[16], timeout[16], permissions[16], type[16], description[256];
    unsigned id;
    int uid, gid;
    if (sscanf(row, "%x %15s %15s %15s %15s %d %d %15s %255[^\n]", &id, flags, usage, timeout, permissions, &uid, &gid,
               type, description) == 9)
      add(list, "key %s %s %s %d %d %s", type, description, permissions, uid, gid, timeout);
  }
  if (file != NULL)
    fclose(file);
}

static void collect(struct list *list, pid_t runner)
{
  walk(list, "/sys/fs/cgroup", 0, visit_group);
  walk(list, "/dev", 0, visit_device);
  walk(list, "/sys/kernel/tracing/instances", DEPTH, visit_instance);
  add_rows(list, "probe", "/sys/kernel/tracing/kprobe_events", 1);
  add_rows(list, "mount", "/proc/self/mountinfo", 3);
  add_rows(list, "swap", "/proc/swaps", 1);
  add_rows(list, "disk", "/proc/partitions", 3);
  add_of_process(list, "runner's limit", runner, "limits");
  add_of_process(list, "runner's group", runner, "cgroup");
  add_modules(list);
  add_keys(list);
  add_clock(list);
  qsort(list->lines, list->count, sizeof *list->lines, compare);
}

static int64_t available_memory(void)
{
  char text[4096];
  const char *row = read_file("/proc/meminfo", text, sizeof text) > 0 ? strstr(text, "MemAvailable:") : NULL;
  return row == NULL ? 0 : strtoll(row + strlen("MemAvailable:"), NULL, 10);
}

void note_state(pid_t runner)
{
  collect(&before, runner);
  note_sysctls();
  memory_before = available_memory();
}

/* The first line that only one of them has. */
static const char *difference(const struct list *now)
{
  size_t i = 0, k = 0;
  while (i < before.count || k < now->count) {
    int order = i == before.count ? 1 : k == now->count ? -1 : strcmp(before.lines[i], now->lines[k]);
    if (order != 0)
      return order < 0 ? before.lines[i] : now->lines[k];
    i++;
    k++;
  }
  return NULL;
}

const char *changed_state(pid_t runner)
{
  static char found[LINE];
  static struct list now;
  for (int i = 0;; i++) {
    clear(&now);
    collect(&now, runner);
    const char *line = difference(&now);
    if (line == NULL)
      line = changed_sysctl();
    if (line == NULL)
      break;
    if (i == TRIES) {
      snprintf(found, sizeof found, "%s", line);
      return found;
    }
    sleep_ms(WAIT_MS);
  }
  return available_memory() < memory_before / 2 ? "memory that is not free any more" : NULL;
}
