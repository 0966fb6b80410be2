#include "moves.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "../bpf/shared.h"
#include "../common/event.h"
#include "config.h"
#include "events.h"
#include "loop.h"
#include "object.h"
#include "ring.h"
#include "run.h"
#include "steps.h"
#include "watched.h"

static const char *const programs[] = {"tp_btf/cgroup_attach_task", "tp_btf/task_newtask"};

static struct {
  struct object *object;
  struct ring ring;
  const struct move_state *state;
} moves;

static bool attach(void)
{
  moves.object = watch_programs();
  if (moves.object == NULL)
    return false;
  struct move_config *move_config = object_variable(moves.object, "move_config");
  move_config->supervisor = (uint32_t)getpid();
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

static void report_move(const void *event_data)
{
  const struct move_event *e = event_data;
  pid_t pid = (pid_t)(e->task >> 32);
  event("move");
  field_number("atNs", since_start(e->ns));
  field_number("pid", pid);
  field_number("tid", (uint32_t)e->task);
  field_string("comm", e->comm);
  field_string("kind", e->kind == MOVE_ENTERED ? "entered" : "left");
  field_number("born", e->born);
  field_number("by", (int64_t)(e->by >> 32));
  field_number("to", (int64_t)e->to);
  field_figure("step", step_index_for(step_by_parents(pid)));
  event_end(QUEUE_HARD);
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
  return moves.state ? moves.state->lost : 0;
}
