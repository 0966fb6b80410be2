#include "describe.h"

#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proc.h"

static void detail_mmap(pid_t tid, uint64_t length, int fd, bool anonymous, char *text, size_t size)
{
  char link[64], target[PATH_MAX];
  if (!anonymous && fd >= 0) {
    snprintf(link, sizeof link, "/proc/%d/fd/%d", tid, fd);
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n > 0) {
      target[n] = '\0';
      snprintf(text, size, "%s", target);
      return;
    }
  }
  snprintf(text, size, "%" PRIu64 " bytes", length);
}

static void detail_clone(uint64_t flags, char *text, size_t size)
{
  static const struct {
    uint64_t bit;
    const char *name;
  } names[] = {{CLONE_VM, "CLONE_VM"},           {CLONE_VFORK, "CLONE_VFORK"},
               {CLONE_NEWNS, "CLONE_NEWNS"},     {CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
               {CLONE_NEWUTS, "CLONE_NEWUTS"},   {CLONE_NEWIPC, "CLONE_NEWIPC"},
               {CLONE_NEWUSER, "CLONE_NEWUSER"}, {CLONE_NEWPID, "CLONE_NEWPID"},
               {CLONE_NEWNET, "CLONE_NEWNET"}};
  snprintf(text, size, "%s", flags & CLONE_THREAD ? "thread" : "process");
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
    if (flags & names[i].bit) {
      size_t n = strlen(text);
      snprintf(text + n, size - n, " %s", names[i].name);
    }
}

static const char *family_name(uint64_t family)
{
  switch (family) {
  case AF_UNIX: return "AF_UNIX";
  case AF_INET: return "AF_INET";
  case AF_INET6: return "AF_INET6";
  case AF_NETLINK: return "AF_NETLINK";
  case AF_PACKET: return "AF_PACKET";
  default: return NULL;
  }
}

static const char *type_name(uint64_t type)
{
  switch (type & 0xf) {
  case SOCK_STREAM: return "SOCK_STREAM";
  case SOCK_DGRAM: return "SOCK_DGRAM";
  case SOCK_RAW: return "SOCK_RAW";
  case SOCK_SEQPACKET: return "SOCK_SEQPACKET";
  default: return "SOCK_?";
  }
}

uint64_t clone_flags(const struct call *c, pid_t tid, const uint64_t *args)
{
  uint64_t flags = 0;
  if (c->role == ROLE_CLONE)
    flags = args[0];
  else if (c->role == ROLE_CLONE3)
    read_memory(tid, args[0], &flags, sizeof flags);
  else if (c->role == ROLE_VFORK)
    flags = CLONE_VM | CLONE_VFORK;
  return flags;
}

bool detail_address(pid_t tid, uint64_t address, uint64_t length, char *text, size_t size)
{
  struct sockaddr_un un;
  memset(&un, 0, sizeof un);
  if (length > sizeof un)
    length = sizeof un;
  if (length < 2 || !read_memory(tid, address, &un, length))
    return false;
  if (un.sun_family == AF_UNIX)
    snprintf(text, size, "AF_UNIX %s%.*s", un.sun_path[0] ? "" : "@", (int)(sizeof un.sun_path - 1),
             un.sun_path[0] ? un.sun_path : un.sun_path + 1);
  else
    snprintf(text, size, "%s", family_name(un.sun_family) ? family_name(un.sun_family) : "address");
  return true;
}

const char *describe(const struct call *c, pid_t tid, const uint64_t *args, char *text, size_t size)
{
  const char *family;
  char number[16];
  switch (c->detail) {
  case DETAIL_NONE: return NULL;
  case DETAIL_PATH:
  case DETAIL_PATH_AT: return read_string(tid, args[c->detail_arg], text, size) ? text : NULL;
  case DETAIL_SIZE: return snprintf(text, size, "%" PRIu64 " bytes", args[c->detail_arg]), text;
  case DETAIL_FD: return snprintf(text, size, "fd %d", (int)args[c->detail_arg]), text;
  case DETAIL_MMAP: return detail_mmap(tid, args[1], (int)args[4], (args[3] & MAP_ANONYMOUS) != 0, text, size), text;
  case DETAIL_CLONE: return detail_clone(clone_flags(c, tid, args), text, size), text;
  case DETAIL_SOCKET:
    family = family_name(args[0]);
    snprintf(number, sizeof number, "AF_%d", (int)args[0]);
    return snprintf(text, size, "%s %s", family ? family : number, type_name(args[1])), text;
  case DETAIL_ADDRESS: return detail_address(tid, args[1], args[2], text, size) ? text : NULL;
  }
  return NULL;
}
