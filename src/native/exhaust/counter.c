#include "counter.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "../common/stat.h"

static int counter = -1;
static int refresh = -1; /* v2: reading it brings the counter up to date */

static int open_in_group(const char *directory, const char *file)
{
  char path[700];
  snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", directory, file);
  return open(path, O_RDONLY | O_CLOEXEC);
}

/* On v2 processes are in a leaf of the group that counts. */
static void open_unified(char *leaf)
{
  if ((counter = open_in_group(leaf, "memory.stat")) >= 0) {
    refresh = open_in_group(leaf, "cpu.stat");
    return;
  }
  char *last = strrchr(leaf, '/');
  if (last == NULL || last == leaf)
    return;
  *last = '\0';
  open_unified(leaf);
}

void open_counter(void)
{
  char row[512], directory[600];
  FILE *cgroups = fopen("/proc/self/cgroup", "re");
  while (cgroups && fgets(row, sizeof row, cgroups)) {
    char *group = strstr(row, ":memory:");
    row[strcspn(row, "\n")] = '\0';
    if (group != NULL) {
      snprintf(directory, sizeof directory, "/memory%s", group + 8);
      refresh = -1;
      counter = open_in_group(directory, "memory.kmem.usage_in_bytes");
    } else if (counter < 0 && !strncmp(row, "0::", 3)) {
      open_unified(row + 3);
    }
  }
  if (cgroups)
    fclose(cgroups);
}

long long read_usage(void)
{
  char text[4096];
  if (refresh >= 0)
    (void)!pread(refresh, text, sizeof text, 0);
  ssize_t n = pread(counter, text, sizeof text - 1, 0);
  text[n > 0 ? n : 0] = '\0';
  if (n <= 0)
    return -1;
  return refresh >= 0 ? stat_figure(text, "kernel") : atoll(text);
}

int last_counter_fd(void)
{
  return counter;
}
