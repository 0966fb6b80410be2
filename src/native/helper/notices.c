#include "notices.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "../common/clock.h"
#include "../common/event.h"
#include "describe.h"
#include "events.h"
#include "policy.h"
#include "proc.h"
#include "seccomp.h"

enum { MAX_NOTICES = 64 };

/* Sent once for each kind and object. */
static void notice(pid_t tid, const char *kind, const char *object)
{
  static char sent[MAX_NOTICES][128];
  static int sent_count;
  char key[128];
  snprintf(key, sizeof key, "%s %.100s", kind, object);
  for (int i = 0; i < sent_count; i++)
    if (!strcmp(sent[i], key))
      return;
  if (sent_count == MAX_NOTICES)
    return;
  memcpy(sent[sent_count++], key, sizeof key);
  const char *comm = comm_of(tid, now_ns());
  event("notice");
  field_string("kind", kind);
  field_string("object", object);
  field_string("comm", comm);
  event_end(QUEUE_HARD);
}

static bool ends_with(const char *text, const char *end)
{
  size_t n = strlen(text), m = strlen(end);
  return n >= m && !strcmp(text + n - m, end);
}

/* Work requested from one of these is done by a process outside the group. */
static bool is_service(const char *path)
{
  static const char *const ends[] = {"/systemd/private",
                                     "/dbus/system_bus_socket",
                                     "/docker.sock",
                                     "/containerd.sock",
                                     "/podman.sock",
                                     "/crio.sock",
                                     "/bus"};
  if (strncmp(path, "/run/", 5) && strncmp(path, "/var/run/", 9))
    return false;
  for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
    if (ends_with(path, ends[i]))
      return true;
  return false;
}

static void check_open(const struct request *r)
{
  const struct call *c = r->call;
  pid_t tid = tid_of(r);
  uint64_t flags = args_of(r)[c->detail_arg + 1];
  char path[PATH_MAX];
  if (c->role == ROLE_OPEN2 && !read_memory(tid, flags, &flags, sizeof flags))
    return;
  if (!(flags & (O_WRONLY | O_RDWR)) || !read_string(tid, args_of(r)[c->detail_arg], path, sizeof path))
    return;
  if (ends_with(path, "cgroup.procs") || ends_with(path, "cgroup.threads") ||
      (ends_with(path, "/tasks") && strstr(path, "cgroup") != NULL))
    notice(tid, "moves", path);
}

static void check_connect(const struct request *r)
{
  char text[256];
  if (detail_address(tid_of(r), args_of(r)[1], args_of(r)[2], text, sizeof text) && !strncmp(text, "AF_UNIX /", 9) &&
      is_service(text + 8))
    notice(tid_of(r), "service", text + 8);
}

void check_call(const struct request *r)
{
  switch (r->call->role) {
  case ROLE_OPEN:
  case ROLE_OPEN2: check_open(r); break;
  case ROLE_CONNECT: check_connect(r); break;
  case ROLE_FILTER:
    if (args_of(r)[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER)
      notice(tid_of(r), "listener", r->call->name);
    break;
  case ROLE_TRACE: notice(tid_of(r), "tracer", r->call->name); break;
  default: break;
  }
}
