#include "moves.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../bpf/shared.h"
#include "../common/event.h"
#include "config.h"
#include "events.h"
#include "loop.h"
#include "object.h"
#include "proc.h"
#include "ring.h"
#include "run.h"
#include "steps.h"
#include "watched.h"

static const char *const programs[] = {"tp_btf/cgroup_attach_task", "tp_btf/task_newtask"};

enum { MAX_MOVES_IN_FULL = 1000, MAX_GENERATIONS = 4096 };

static struct {
  struct object *object;
  struct ring ring;
  const struct move_state *state;
  int named;
  uint64_t unnamed;
} moves;

static bool attach(void)
{
  /* The programs tell our own by their numbers in the first one. */
  if (!is_in_first_pid_namespace()) {
    errno = ESRCH;
    return false;
  }
  moves.object = watch_programs();
  if (moves.object == NULL)
    return false;
  struct move_config *move_config = object_variable(moves.object, "move_config");
  move_config->supervisor = (uint32_t)getpid();
  move_config->kill = config.kill_escaped;
  if (!map_ring(&moves.ring, object_map(moves.object, "moved"), EVENT_RING))
    return false;
  for (unsigned i = 0; i < sizeof programs / sizeof *programs; i++)
    if (!load_and_attach(moves.object, programs[i]))
      return false;
  return true;
}

void watch_moves(void)
{
  if (!attach()) {
    report_unwatched("moves", errno);
    return;
  }
  moves.state = object_variable(moves.object, "move_state");
  watch(object_map(moves.object, "moved"), TAG_MOVES);
}

/* The process's current group, as a path from the root of the memory controller's hierarchy; NULL if unknown. */
static const char *group_of(pid_t pid, char *text, size_t size)
{
  if (!read_proc(pid, "cgroup", text, size))
    return NULL;
  for (char *row; (row = strsep(&text, "\n")) != NULL;) {
    char *controllers = strchr(row, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (path == NULL)
      continue;
    *path++ = '\0';
    if (config.refresh_file ? !strcmp(row, "0:") : strstr(controllers, "memory") != NULL)
      return path;
  }
  return NULL;
}

static bool is_ours(pid_t pid)
{
  char text[1024];
  for (int generation = 0; pid > 1 && generation < MAX_GENERATIONS; generation++) {
    if (pid == getpid())
      return true;
    pid = read_proc(pid, "status", text, sizeof text) ? (pid_t)status_number(text, "\nPPid:") : 0;
  }
  return false;
}

/* Uses a descriptor: the process may have exited, and its number may have been reused. */
static void kill_escaped(pid_t pid)
{
  int process = (int)syscall(SYS_pidfd_open, pid, 0);
  if (process < 0)
    return;
  if (is_ours(pid))
    syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
  close(process);
}

static void report_move(const void *event_data)
{
  const struct move_event *e = event_data;
  pid_t pid = (pid_t)(e->task >> 32);
  char text[4096];
  /* A process that is gone may have been ours. */
  if (e->deep && !is_ours(pid) && read_proc(pid, "stat", text, sizeof text))
    return;
  if (moves.named == MAX_MOVES_IN_FULL) {
    if (config.kill_escaped && e->kind == MOVE_LEFT)
      kill_escaped(pid);
    moves.unnamed++;
    return;
  }
  const char *to = group_of(pid, text, sizeof text);
  if (config.kill_escaped && e->kind == MOVE_LEFT)
    kill_escaped(pid);
  event("move");
  field_number("atNs", since_start(e->ns));
  field_number("pid", pid);
  field_number("tid", (uint32_t)e->task);
  field_string("comm", e->comm);
  field_string("kind", e->kind == MOVE_ENTERED ? "entered" : "left");
  field_number("born", e->born);
  field_number("by", (int64_t)(e->by >> 32));
  field_string("to", to);
  field_figure("step", step_index_for(step_by_parents(pid)));
  if (event_end(QUEUE_SOFT))
    moves.named++;
  else
    moves.unnamed++;
}

void read_moves(void)
{
  read_ring(&moves.ring, is_closed() ? NULL : report_move);
}

bool are_moves_watched(void)
{
  return moves.state != NULL;
}

uint64_t moves_lost(void)
{
  return moves.state ? moves.state->lost + moves.unnamed : 0;
}
