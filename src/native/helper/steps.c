#include "steps.h"

#include <stddef.h>
#include <string.h>

#include "proc.h"

struct handover step = {.index = -1, .sock = -1};

/* In starting order: the last one may still be in its hand-over. */
static struct running running[MAX_STEPS];
static int running_count;
static struct running ended_last = {.index = NO_STEP}; /* its account is open; it may be OUTSIDE */

struct running *running_step(int index)
{
  for (int i = 0; i < running_count; i++)
    if (running[i].index == index)
      return &running[i];
  return NULL;
}

struct running *step_of_command(pid_t pid)
{
  for (int i = 0; i < running_count; i++)
    if (running[i].command == pid)
      return &running[i];
  return NULL;
}

int steps_running(void)
{
  return running_count;
}

/* The new step; NULL if as many as possible run already. */
struct running *add_running(int index, bool background)
{
  if (running_count == MAX_STEPS)
    return NULL;
  running[running_count] = (struct running){.index = index, .command = -1, .background = background, .max = -1};
  return &running[running_count++];
}

void forget_step(int index)
{
  struct running *r = running_step(index), *end = &running[running_count];
  if (r == NULL)
    return;
  memmove(r, r + 1, (size_t)(end - (r + 1)) * sizeof *r);
  running_count--;
}

struct running *ended_step(void)
{
  return ended_last.index != NO_STEP ? &ended_last : NULL;
}

void open_account(const struct running *r)
{
  ended_last = *r;
}

void forget_ended_step(void)
{
  ended_last.index = NO_STEP;
}

static void raise_max(struct running *r, int64_t max)
{
  if (max > r->max)
    r->max = max;
}

void note_max_of_steps(int64_t max)
{
  for (int i = 0; i < running_count; i++)
    raise_max(&running[i], max);
  raise_max(&ended_last, max);
}

/*
 * The step to book something on: the one it comes from if that still runs, otherwise the latest, preferably in the
 * foreground; if none runs, the one that ended last.
 */
struct running *step_for(int from)
{
  struct running *found = running_step(from);
  for (int i = 0; found == NULL && i < running_count; i++)
    if (!running[running_count - 1 - i].background)
      found = &running[running_count - 1 - i];
  if (found == NULL && running_count > 0)
    return &running[running_count - 1];
  return found == NULL ? ended_step() : found;
}

int64_t step_index_for(int from)
{
  const struct running *r = step_for(from);
  return r == NULL ? -1 : r->index;
}

/* The step that a process comes from, found by its parents; -1 if one of them has ended or fewer than two steps run. */
int step_by_parents(pid_t pid)
{
  char text[1024];
  for (int generation = 0; running_count > 1 && pid > 1 && generation < 64; generation++) {
    const struct running *r = step_of_command(pid);
    if (r != NULL)
      return r->index;
    pid = read_proc(pid, "status", text, sizeof text) ? (pid_t)status_number(text, "\nPPid:") : 0;
  }
  return -1;
}
