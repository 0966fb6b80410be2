#include "summary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/event.h"
#include "accounts.h"
#include "config.h"
#include "counter.h"
#include "enforce.h"
#include "events.h"
#include "failures.h"
#include "faults.h"
#include "inject.h"
#include "interruptions.h"
#include "moves.h"
#include "peak.h"
#include "probes.h"
#include "proc.h"
#include "reclaim.h"
#include "refusals.h"
#include "trace.h"
#include "watched.h"

static uint64_t denials_so_far(void)
{
  if (config.enforce)
    return allocations_refused() + (config.enforce == OBJECTS ? failure_tally()->denials : 0);
  return is_kernel_watched() ? refusals_totals().calls_failed : failure_tally()->denials;
}

void send_totals(void)
{
  note_run_max();
  event("totals");
  field_number("denials", (int64_t)denials_so_far());
  field_number("gatedCalls", (int64_t)failure_tally()->gated_calls);
  field_figure("maxUsage", max_of_run());
  send_event();
}

/* Breakdown of the highest reading. */
static void send_parts(void)
{
  static const char *const parts[] = {"slab", "kernel_stack", "pagetables", "percpu", "vmalloc", "sock"};
  for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
    field_figure(parts[i], part_at_peak(parts[i]));
}

/* At the end, one for each requested injection. */
static void send_injections(void)
{
  const struct injection *injection;
  for (int i = 0; (injection = injection_at(i)) != NULL; i++) {
    event("injection");
    field_number("reached", injection->reached);
    field_number("denials", (int64_t)injection->denials);
    field_string("seen", *injection->seen ? injection->seen : NULL);
    event_end(QUEUE_HARD);
  }
}

static void send_enforcement(void)
{
  struct enforce_state tally = enforcement_tally();
  field_number("refusedObjects", (int64_t)tally.objects);
  field_number("refusedPages", (int64_t)tally.pages);
  field_number("mustNotFail", (int64_t)tally.must_not_fail);
  field_number("atomic", (int64_t)tally.atomic);
  field_number("remote", (int64_t)tally.remote);
  field_number("callsHandled", (int64_t)refusals_totals().calls_handled);
}

void send_summary(void)
{
  struct tally tally = *failure_tally();
  bool unknown = does_kernel_refuse() && !is_kernel_watched();
  if (is_kernel_watched()) {
    read_refusals();
    send_refusal_counts();
    tally.failures_dropped += refusals_totals().calls_failed - refusals_reported();
    tally.uncounted = refusals_totals().calls_uncounted;
  }
  send_failure_counts();
  send_injections();
  event("summary");
  field_number("denials", (int64_t)(config.enforce ? denials_so_far() : tally.denials));
  field_number("refusals", (int64_t)tally.refusals);
  field_number("gatedCalls", (int64_t)tally.gated_calls);
  field_figure("failuresDropped", unknown ? -1 : (int64_t)tally.failures_dropped);
  field_figure("uncounted", unknown ? -1 : (int64_t)tally.uncounted);
  field_number("eventsDropped", (int64_t)dropped_events());
  field_number("traceLost", (int64_t)lost_trace_lines());
  field_number("reclaims", reclaims_made());
  field_number("rcuWaits", (int64_t)rcu_waits().count);
  field_number("rcuWaitedNs", (int64_t)rcu_waits().waited_ns);
  field_number("interrupted", interruptions());
  field_figure("maxUsage", max_of_run());
  field_figure("limitMax", max_of_limit_so_far());
  field_figure("peakSeen", peak_of_readings());
  field_figure("lag", counter_freshness() == EXACT ? -1 : counter_lag((long)cpu_count()));
  field_figure("largestRise", largest_rise());
  field_number("summed", counter_freshness() == SUMMED);
  field_figure("faultPages", are_faults_watched() ? (int64_t)fault_tally().pages : -1);
  field_figure("faultBytes", are_faults_watched() ? (int64_t)fault_tally().bytes : -1);
  field_number("movesWatched", are_moves_watched());
  field_number("watchLost", (int64_t)(fault_tally().lost + moves_lost()));
  field_number("watchMissed", (int64_t)events_missed());
  if (config.enforce)
    send_enforcement();
  send_parts();
  send_event();
}
