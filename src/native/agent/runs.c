#include "runs.h"

#include <stddef.h>
#include <stdio.h>

#include "../common/file.h"
#include "program.h"
#include "room.h"
#include "settings.h"
#include "spaces.h"
#include "state.h"
#include "strays.h"

/* Every run's first process has the same number, if the kernel has started fewer by then. */
enum { FIRST_PID = 1000 };

static pid_t holder = -1;
static bool noted, ended;

void setup_runs(void)
{
  setup_rooms();
  setup_strays();
}

static void setup_numbers(void)
{
  char text[16];
  snprintf(text, sizeof text, "%d", FIRST_PID);
  write_file("/proc/sys/kernel/ns_last_pid", text);
}

void open_run(void)
{
  if (!noted)
    note_state(program);
  noted = true;
  open_room();
  setup_clock();
  setup_random();
  setup_numbers();
  holder = open_spaces();
}

pid_t run_holder(void)
{
  return holder;
}

void end_run(void (*reap)(void))
{
  pid_t ours[] = {program, keeper};
  ended = end_strays(ours, 2, reap);
}

const char *close_run(void)
{
  const char *left = close_room();
  if (left == NULL && !ended)
    left = "processes that cannot be ended";
  return left != NULL ? left : changed_state(program);
}
