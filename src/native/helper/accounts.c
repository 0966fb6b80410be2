#include "accounts.h"

#include <stddef.h>

#include "../common/event.h"
#include "config.h"
#include "events.h"
#include "faults.h"
#include "peak.h"
#include "refusals.h"
#include "run.h"

int64_t denials_of(const struct running *r)
{
  if (config.failcnt_file == NULL)
    return (int64_t)r->denials;
  int64_t after = r->failcnt_after >= 0 ? r->failcnt_after : read_failcnt();
  return after < 0 || r->failcnt_before < 0 ? -1 : after - r->failcnt_before;
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
  note_run_max();
}

void begin_outside(void)
{
  if (is_closed() || run_start() == 0)
    return;
  update_figures();
  close_account();
  reset_max();
  open_account(&(struct running){
      .index = OUTSIDE, .command = -1, .failcnt_before = read_failcnt(), .failcnt_after = -1, .max = -1});
}

void end_step(int index)
{
  const struct running *r = running_step(index);
  send_figures(r);
  if (!is_closed())
    open_account(r);
  forget_step(index);
}
