#include "mounts.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "fail.h"

void make_directory(const char *path, mode_t mode)
{
  if (mkdir(path, mode) < 0 && errno != EEXIST)
    fail("create a directory", errno, path);
}

void mount_or_fail(const char *what, const char *type, const char *source, const char *target, unsigned long flags,
                   const char *options)
{
  if (mount(source, target, type, flags, options) < 0)
    fail(what, errno, options ? options : target);
}

void try_mount(const char *type, const char *target, unsigned long flags, const char *options)
{
  if (mkdir(target, 0755) < 0 && errno != EEXIST && errno != EPERM)
    return;
  if (mount(type, target, type, flags, options) < 0)
    errno = 0;
}

void move_to(const char *from, const char *to)
{
  if (mkdir(to, 0755) < 0 && errno != EEXIST)
    fail("create a directory", errno, to);
  if (mount(from, to, NULL, MS_MOVE, NULL) < 0)
    fail("move a mount", errno, to);
}

void make_parents(const char *path)
{
  char prefix[4096];
  for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    snprintf(prefix, sizeof prefix, "%.*s", (int)(slash - path), path);
    make_directory(prefix, 0755);
  }
  make_directory(path, 0755);
}
