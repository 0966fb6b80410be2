#include "crashes.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/event.h"
#include "events.h"
#include "loop.h"
#include "proc.h"
#include "run.h"
#include "steps.h"

enum { MAX_WATCHED = 256, MAX_CRASHES = 100 };

#ifndef PIDFD_INFO_EXIT
#define PIDFD_INFO_EXIT (1UL << 3)
#endif

/* struct pidfd_info as of 6.15; later versions are longer, and the kernel uses the size in the request. */
struct exit_info {
  uint64_t mask, cgroup;
  uint32_t pid, tgid, ppid, ids[8];
  int32_t exit_code;
};

#define EXIT_INFO _IOWR(0xFF, 11, struct exit_info)

static struct watched {
  pid_t pid; /* 0: free */
  int fd, step;
  char comm[20]; /* when first seen; a zombie reports its last */
} watched[MAX_WATCHED];

static int crashes_told;

/* Updated if it is still a zombie; otherwise unchanged. */
static void note_comm(struct watched *w)
{
  const char *comm = comm_of(w->pid, now_ns());
  if (comm != NULL)
    snprintf(w->comm, sizeof w->comm, "%s", comm);
}

/* A broken program is killed by one of these; a deliberate kill uses others. */
static bool is_crash(int status)
{
  static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
    if (WIFSIGNALED(status) && WTERMSIG(status) == signals[i])
      return true;
  return false;
}

static void forget_watched(struct watched *w, int status)
{
  if (!is_closed() && is_crash(status) && crashes_told++ < MAX_CRASHES) {
    event("crash");
    field_number("pid", w->pid);
    field_string("comm", *w->comm ? w->comm : NULL);
    field_number("signal", WTERMSIG(status));
    field_number("atNs", since_start(now_ns()));
    field_figure("step", step_index_for(w->step));
    event_end(QUEUE_SOFT);
  }
  unwatch(w->fd);
  w->pid = 0;
}

/*
 * The wait status of a zombie: proc_pid_stat(5), field 52; -1 if it is not a zombie, is gone, or is not readable by us.
 */
static int status_of_zombie(pid_t pid)
{
  char text[1024];
  char *name = read_proc(pid, "stat", text, sizeof text) ? strchr(text, '(') : NULL,
       *rest = name ? strrchr(text, ')') : NULL;
  if (rest == NULL || rest[1] == '\0' || rest[2] != 'Z')
    return -1;
  return atoi(strrchr(text, ' ') + 1);
}

/* Already reaped by its parent, or about to be. */
static int status_by_pidfd(int fd)
{
  struct exit_info info = {.mask = PIDFD_INFO_EXIT};
  return ioctl(fd, EXIT_INFO, &info) == 0 && (info.mask & PIDFD_INFO_EXIT) ? info.exit_code : -1;
}

/* It has ended. */
static void read_death(struct watched *w)
{
  forget_comm(w->pid);
  note_comm(w);
  int status = status_of_zombie(w->pid);
  if (status < 0)
    status = status_by_pidfd(w->fd);
  forget_watched(w, status < 0 ? 0 : status);
}

static bool has_ended(const struct watched *w)
{
  struct pollfd p = {.fd = w->fd, .events = POLLIN};
  return w->pid != 0 && poll(&p, 1, 0) == 1;
}

void watch_process(pid_t pid, int step_index)
{
  struct watched *free_slot = NULL;
  for (int i = 0; i < MAX_WATCHED; i++) {
    if (watched[i].pid == pid && has_ended(&watched[i])) /* the pid has been reused */
      read_death(&watched[i]);
    if (watched[i].pid == pid)
      return;
    if (watched[i].pid == 0 && free_slot == NULL)
      free_slot = &watched[i];
  }
  int fd = free_slot ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
  if (fd < 0)
    return;
  *free_slot = (struct watched){.pid = pid, .fd = fd, .step = step_index};
  note_comm(free_slot);
  watch(fd, TAG_DEATH);
}

void handle_death(int fd)
{
  for (int i = 0; i < MAX_WATCHED; i++)
    if (watched[i].pid != 0 && watched[i].fd == fd)
      read_death(&watched[i]);
}

void note_reaped(pid_t pid, int status)
{
  for (int i = 0; i < MAX_WATCHED; i++)
    if (watched[i].pid == pid)
      forget_watched(&watched[i], status);
}

void read_deaths(void)
{
  for (int i = 0; i < MAX_WATCHED; i++)
    if (has_ended(&watched[i]))
      read_death(&watched[i]);
}
