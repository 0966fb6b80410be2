#include "sysctls.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/memory.h"
#include "fail.h"

#define PROC_SYS "/proc/sys/"

enum {
  KEPT_VALUE = 200,
  OPEN_FOLDERS = 8,
  ROOM_STEP = 256,
  OUT_OF_TREE = 1 << 12, /* of modules, which are compared by name: Documentation/admin-guide/tainted-kernels.rst */
  UNSIGNED = 1 << 13,
};

struct sysctl {
  int fd;
  char *name, *value;
};

static struct sysctl *sysctls;
static size_t count, room;

/* These change by themselves. */
static bool is_volatile(const char *name)
{
  static const char *const names[] = {"kernel/ns_last_pid", "kernel/pty/nr", "kernel/random/", "kernel/perf_event_max",
                                      "kernel/perf_cpu",    "fs/dentry",     "fs/inode",       "fs/file-nr",
                                      "fs/aio-nr",          "fs/quota",      "vm/stat_refresh"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strncmp(name, names[i], strlen(names[i])))
      return true;
  return false;
}

static bool read_value(int fd, const char *name, char value[KEPT_VALUE])
{
  ssize_t n = pread(fd, value, KEPT_VALUE - 1, 0);
  if (n < 0)
    return false;
  value[n > 0 && value[n - 1] == '\n' ? n - 1 : n] = '\0';
  if (!strcmp(name, "kernel/tainted"))
    snprintf(value, KEPT_VALUE, "%lld", strtoll(value, NULL, 10) & ~(OUT_OF_TREE | UNSIGNED));
  return true;
}

static int note(const char *path, const struct stat *st, int type, struct FTW *place)
{
  const char *name = path + strlen(PROC_SYS);
  char value[KEPT_VALUE];
  (void)place;
  if (type != FTW_F || (st->st_mode & 0222) == 0 || is_volatile(name))
    return 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE))
    fail("keep a sysctl open", errno, name);
  if (fd < 0)
    return 0;
  if (!read_value(fd, name, value)) {
    close(fd);
    return 0;
  }
  if (count == room)
    sysctls = must(realloc(sysctls, (room += ROOM_STEP) * sizeof *sysctls));
  sysctls[count++] = (struct sysctl){fd, must(strdup(name)), must(strdup(value))};
  return 0;
}

void note_sysctls(void)
{
  static const char *const trees[] = {"kernel", "vm", "fs", "dev", "user", "abi", "debug"};
  for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
    char path[64];
    snprintf(path, sizeof path, PROC_SYS "%s", trees[i]);
    nftw(path, note, OPEN_FOLDERS, FTW_PHYS);
  }
}

const char *changed_sysctl(void)
{
  static char found[2 * KEPT_VALUE];
  for (size_t i = 0; i < count; i++) {
    char value[KEPT_VALUE] = "";
    const struct sysctl *sysctl = &sysctls[i];
    if (read_value(sysctl->fd, sysctl->name, value) && !strcmp(value, sysctl->value))
      continue;
    snprintf(found, sizeof found, "sysctl %s = %s", sysctl->name, value);
    return found;
  }
  return NULL;
}
