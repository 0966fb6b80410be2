#include "accounts.h"

#include <stdbool.h>
#include <stddef.h>

#include "../common/event.h"
#include "config.h"
#include "enforce.h"
#include "events.h"
#include "faults.h"
#include "peak.h"
#include "refusals.h"
#include "run.h"

static int64_t booked; /* of the kernel's counter of refusals */
static bool is_counted;

bool does_kernel_refuse(void)
{
  return config.failcnt_file != NULL || config.enforce;
}

static int64_t refused_by_kernel(void)
{
  return config.enforce ? (int64_t)allocations_refused() : read_failcnt();
}

/*
 * The kernel does not say whose charge it refused: each increase is booked once, so that the steps add up to the run.
 */
void book_failcnt(void)
{
  int64_t now = !does_kernel_refuse() || is_closed() ? -1 : refused_by_kernel();
  struct running *r = step_for(-1);
  is_counted |= now >= 0;
  if (r == NULL || now <= booked)
    return;
  r->denials += (uint64_t)(now - booked);
  booked = now;
}

int64_t denials_of(const struct running *r)
{
  return does_kernel_refuse() && !is_counted ? -1 : (int64_t)r->denials;
}

static void send_figures(const struct running *r)
{
  field_figure("denials", denials_of(r));
  field_figure("maxUsage", r->max);
  send_event();
}

void close_account(void)
{
  const struct running *ended = ended_step();
  if (ended == NULL)
    return;
  event("account");
  field_figure("step", ended->index);
  send_figures(ended);
  forget_ended_step();
}

void update_figures(void)
{
  read_refusals();
  read_faults();
  book_failcnt();
  note_run_max();
}

void begin_outside(void)
{
  if (is_closed() || run_start() == 0)
    return;
  update_figures();
  close_account();
  reset_max();
  open_account(&(struct running){.index = OUTSIDE, .command = -1, .max = -1});
}

void end_step(int index)
{
  const struct running *r = running_step(index);
  send_figures(r);
  if (!is_closed())
    open_account(r);
  forget_step(index);
}
