#include "failures.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "../common/event.h"
#include "config.h"
#include "describe.h"
#include "events.h"
#include "lineage.h"
#include "policy.h"
#include "proc.h"
#include "run.h"
#include "steps.h"

enum { MAX_COUNTS = 512 };

static struct tally tally;

static struct count {
  char comm[20];
  const struct call *call; /* NULL: page faults, in the call with this number */
  int number, error;
  uint64_t count;
} counts[MAX_COUNTS];

static int count_used;

static bool is_kind(const struct count *row, const char *comm, const struct call *c, int number, int error)
{
  return row->call == c && row->number == number && row->error == error && !strcmp(row->comm, comm);
}

static void count_failure(const char *comm, const struct call *c, int number, int error)
{
  static int last;
  if (last < count_used && is_kind(&counts[last], comm, c, number, error)) {
    counts[last].count++;
    return;
  }
  for (int i = 0; i < count_used; i++)
    if (is_kind(&counts[i], comm, c, number, error)) {
      counts[i].count++;
      last = i;
      return;
    }
  if (count_used == MAX_COUNTS) {
    tally.uncounted++;
    return;
  }
  struct count *row = &counts[count_used++];
  snprintf(row->comm, sizeof row->comm, "%s", comm);
  row->call = c;
  row->number = number;
  row->error = error;
  row->count = 1;
}

bool may_report_failure(void)
{
  return tally.failures_sent < MAX_FAILURES_IN_FULL;
}

void note_reported(bool sent)
{
  if (sent)
    tally.failures_sent++;
  else
    tally.failures_dropped++;
}

bool prepare_failure(const struct request *r, int64_t usage, int error, uint64_t now, const char *comm, bool injected)
{
  if (!may_report_failure())
    return false;
  char detail[PATH_MAX], exe[PATH_MAX], address[ADDRESS_LENGTH];
  pid_t tid = tid_of(r), pid = thread_group(tid);
  const char *about = describe(r->call, tid, args_of(r), detail, sizeof detail);
  start_run(now); /* if the first step's own fork failed, the run's clock starts here */
  event("failure");
  field_number("atNs", since_start(now));
  field_figure("pid", pid);
  field_number("tid", tid);
  field_string("comm", comm);
  field_string("exe", executable(tid, exe, sizeof exe));
  field_string("syscall", r->call->name);
  field_string("detail", about);
  field_string("address", is_tracking() ? address_of(r, address, sizeof address) : NULL);
  field_figure("usage", usage);
  field_number("errno", error);
  field_figure("step", step_index_for(r->step));
  field_number("injected", injected);
  bool by_limit = !injected && r->call->action == GATE;
  field_figure("need", by_limit ? r->need : -1);
  field_figure("reserve", by_limit ? config.reserve : -1);
  field_figure("room", by_limit ? r->room : -1);
  field_number("table", by_limit && r->table_denied);
  return true;
}

void count_denial(const struct request *r, int error, const char *comm, bool prepared)
{
  struct running *booked = r->call->action == REFUSE ? NULL : step_for(r->step);
  if (r->call->action == REFUSE)
    tally.refusals++;
  else
    tally.denials++;
  if (booked != NULL)
    booked->denials++;
  count_failure(comm, r->call, 0, error);
  note_reported(prepared && event_end(QUEUE_SOFT));
}

void count_fault(const char *comm, int call)
{
  tally.denials++;
  count_failure(comm, NULL, call, 0);
}

void count_gated_call(void)
{
  tally.gated_calls++;
}

const struct tally *failure_tally(void)
{
  return &tally;
}

void send_failure_counts(void)
{
  for (int i = 0; i < count_used; i++) {
    event("count");
    field_string("comm", counts[i].comm);
    field_string("syscall", counts[i].call ? counts[i].call->name : NULL);
    if (counts[i].call == NULL)
      field_number("faultIn", counts[i].number);
    field_number("errno", counts[i].error);
    field_number("count", (int64_t)counts[i].count);
    event_end(QUEUE_HARD);
  }
}
