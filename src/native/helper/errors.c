#include "errors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ipc.h>
#include <linux/magic.h>
#include <linux/net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "policy.h"
#include "proc.h"
#include "timed.h"

/* The caller's path as a path of ours: under its root, its working directory, or one of its open directories. */
static bool open_path(pid_t tid, int directory, const char *path, char *text, size_t size)
{
  if (path[0] == '/')
    return snprintf(text, size, "/proc/%d/root%s", tid, path) < (int)size;
  if (directory == AT_FDCWD)
    return snprintf(text, size, "/proc/%d/cwd/%s", tid, path) < (int)size;
  return snprintf(text, size, "/proc/%d/fd/%d/%s", tid, directory, path) < (int)size;
}

/* Whether the call creates the file if it does not exist.  Not for calls that always create something. */
static bool may_create(const struct request *r)
{
  uint64_t flags = args_of(r)[r->call->detail_arg + 1];
  if (r->call->role == ROLE_CREAT)
    return true;
  if (r->call->role == ROLE_OPEN2 && !read_memory(tid_of(r), flags, &flags, sizeof flags))
    return false;
  return (flags & O_CREAT) != 0;
}

/* A path may be on a FUSE file system whose server does not answer. */
struct place {
  bool exists; /* otherwise the file system is that of its folder */
  bool opens;  /* creates nothing if it already exists */
  bool on_tmpfs;
  char path[PATH_MAX + 64];
};

static void look_up(void *data)
{
  struct place *place = data;
  struct statfs fs;
  if (place->opens && access(place->path, F_OK) == 0)
    return;
  char *slash = strrchr(place->path, '/');
  if (!place->exists && slash != NULL)
    slash[1] = '\0';
  place->on_tmpfs = statfs(place->path, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

/* Does this call create its file on tmpfs? There an enforcing kernel returns ENOSPC (mm/shmem.c). */
static bool makes_on_tmpfs(const struct request *r)
{
  char path[PATH_MAX];
  struct place place = {.exists = false};
  const struct call *c = r->call;
  bool at = c->detail == DETAIL_PATH_AT;
  place.opens = c->role == ROLE_OPEN || c->role == ROLE_OPEN2 || c->role == ROLE_CREAT;
  if ((c->detail != DETAIL_PATH && !at) || (place.opens && !may_create(r)) ||
      !read_string(tid_of(r), args_of(r)[c->detail_arg], path, sizeof path))
    return false;
  int directory = at ? (int)args_of(r)[c->detail_arg - 1] : AT_FDCWD;
  if (!open_path(tid_of(r), directory, path, place.path, sizeof place.path))
    return false;
  return do_in_time(look_up, &place, sizeof place) && place.on_tmpfs;
}

bool is_on_tmpfs(const struct request *r)
{
  char path[PATH_MAX];
  struct place place = {.exists = true};
  uint64_t about = args_of(r)[r->call->detail_arg];
  if (r->call->detail == DETAIL_FD)
    snprintf(place.path, sizeof place.path, "/proc/%d/fd/%d", tid_of(r), (int)about);
  else if (!read_string(tid_of(r), about, path, sizeof path) ||
           !open_path(tid_of(r),
                      r->call->detail == DETAIL_PATH_AT ? (int)args_of(r)[r->call->detail_arg - 1] : AT_FDCWD, path,
                      place.path, sizeof place.path))
    return false;
  return do_in_time(look_up, &place, sizeof place) && place.on_tmpfs;
}

/* Checks a socket by its arguments, which i386's socketcall passes in memory. */
static bool is_tcp(const struct request *r)
{
  uint64_t family = args_of(r)[0], type = args_of(r)[1];
  uint32_t words[2];
  if (r->call->role == ROLE_SOCKETCALL) {
    if (family != SYS_SOCKET || !read_memory(tid_of(r), args_of(r)[1], words, sizeof words))
      return false;
    family = words[0], type = words[1];
  }
  return (family == AF_INET || family == AF_INET6) && (type & 0xf) == SOCK_STREAM;
}

int errno_of(const struct request *r)
{
  const struct call *c = r->call;
  if (r->table_denied && c->action == GATE) /* whatever is created: the table is fs/file.c's */
    return ENOMEM;
  if (c->check == CHECK_TMPFS)
    return makes_on_tmpfs(r) ? ENOSPC : c->error;
  if (c->check == CHECK_IPC)
    return ipc_operation(args_of(r)) == SHMGET ? ENOSPC : c->error;
  return c->tcp_error && is_tcp(r) ? c->tcp_error : c->error;
}

uint32_t ipc_operation(const uint64_t *args)
{
  return args[0] & 0xffff;
}
