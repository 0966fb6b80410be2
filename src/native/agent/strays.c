#include "strays.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/clock.h"
#include "fail.h"
#include "program.h"

enum { ROUNDS = 3000, KTHREADD = 2 };

static DIR *processes; /* the guest's own /proc: a run may have unmounted the one it sees */

void setup_strays(void)
{
  processes = opendir("/proc");
  if (processes == NULL)
    fail("open /proc", errno, NULL);
}

/* A file of a process, with a NUL behind it; its length, or -1. */
static ssize_t read_of(const char *name, const char *file, char *text, size_t size)
{
  char path[300];
  snprintf(path, sizeof path, "%s/%s", name, file);
  int fd = openat(dirfd(processes), path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
  if (fd >= 0)
    close(fd);
  text[n > 0 ? n : 0] = '\0';
  return n > 0 ? n : -1;
}

static pid_t parent_of(const char *name)
{
  char text[512], state;
  int parent = -1;
  if (read_of(name, "stat", text, sizeof text) < 0)
    return -1;
  const char *end = NULL;
  for (const char *p = text; *p; p++) /* the name may hold a parenthesis */
    if (*p == ')')
      end = p;
  return end != NULL && sscanf(end + 1, " %c %d", &state, &parent) == 2 ? parent : -1;
}

static bool is_ours(pid_t pid, const pid_t *ours, int count)
{
  for (int i = 0; i < count; i++)
    if (ours[i] == pid)
      return true;
  return pid <= KTHREADD;
}

/* Of the runner's children: what keeps programs attached from one run to the next (src/gate/keeper.ts). */
static bool keeps_programs(const char *name)
{
  char words[PATH_MAX + 64];
  ssize_t n = read_of(name, "cmdline", words, sizeof words);
  const char *second = words + strlen(words) + 1;
  return second < words + n && (!strcmp(second, "keep") || !strncmp(second, "keep-", 5));
}

/* How many there were. */
static int kill_round(const pid_t *ours, int count)
{
  int killed = 0;
  rewinddir(processes);
  for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
    pid_t pid = isdigit((unsigned char)*entry->d_name) ? atoi(entry->d_name) : 0;
    if (pid == 0 || is_ours(pid, ours, count))
      continue;
    pid_t parent = parent_of(entry->d_name);
    if (parent == KTHREADD || (parent == program && keeps_programs(entry->d_name)))
      continue;
    killed += kill(pid, SIGKILL) == 0;
  }
  return killed;
}

bool end_strays(const pid_t *ours, int count, void (*reap)(void))
{
  for (int round = 0; round < ROUNDS; round++) {
    if (kill_round(ours, count) == 0)
      return true;
    reap();
    if (round > 2)
      sleep_ms(1);
    reap();
  }
  return false;
}
