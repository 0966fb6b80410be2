#include "faults.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "../bpf/shared.h"
#include "../common/event.h"
#include "config.h"
#include "counter.h"
#include "events.h"
#include "failures.h"
#include "loop.h"
#include "moves.h"
#include "object.h"
#include "peak.h"
#include "proc.h"
#include "ring.h"
#include "run.h"
#include "steps.h"
#include "watched.h"

/* Without these, faults are still ended: they provide the addresses, and handle a group that is removed meanwhile. */
static const char *const others[] = {"tp_btf/page_fault_user", "tp_btf/page_fault_kernel", "tp_btf/cgroup_rmdir"};

static struct {
  struct object *object;
  struct ring ring;
  struct fault_config *config;
  struct fault_state *state;
  bool attached;
} faults;

/* A page-table page, in a page fault of ours: shows the program where the kernel's handler is entered. */
static bool teach(void)
{
  const size_t table = 2 << 20;
  faults.config->learner = (uint32_t)gettid();
  char *area = mmap(NULL, 2 * table, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area != MAP_FAILED) {
    madvise(area, 2 * table, MADV_NOHUGEPAGE);
    *(volatile char *)(((uintptr_t)area + table - 1) & ~(table - 1)) = 1;
    munmap(area, 2 * table);
  }
  faults.config->learner = 0;
  errno = ENOTSUP;
  return faults.state->entry != 0;
}

static bool attach(void)
{
  faults.object = watch_programs();
  if (faults.object == NULL || !are_moves_watched())
    return false;
  faults.config = object_variable(faults.object, "config");
  faults.state = object_variable(faults.object, "state");
  faults.config->limit = NO_LIMIT;
  faults.config->reserve = (uint64_t)config.reserve;
  faults.config->signal = (uint32_t)config.fault_signal;
  if (config.enforce == ALLOCATIONS) /* they are refused, and end at once (enforce.bpf.c) */
    return map_ring(&faults.ring, object_map(faults.object, "ring"), EVENT_RING);
  if (!load_and_attach(faults.object, "tp_btf/mm_page_alloc") || !teach() ||
      !map_ring(&faults.ring, object_map(faults.object, "ring"), EVENT_RING))
    return false;
  for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
    load_and_attach(faults.object, others[i]);
  return true;
}

void watch_faults(void)
{
  faults.attached = attach();
  if (!faults.attached) {
    report_unwatched("faults", errno);
    return;
  }
  watch(object_map(faults.object, "ring"), TAG_FAULTS);
  update_fault_limit();
}

void update_fault_limit(void)
{
  if (!faults.attached || config.enforce == ALLOCATIONS)
    return;
  int64_t usage = read_usage(), limit = is_closed() ? -1 : config.limit;
  faults.config->limit = NO_LIMIT;
  /* Usage before this is not due to faults. */
  faults.state->usage = usage < 0 ? 0 : (uint64_t)usage;
  int64_t admitted = usage - limit + config.reserve;
  faults.state->admitted = limit >= 0 && admitted > 0 ? (uint64_t)admitted : 0;
  if (limit >= 0)
    faults.config->limit = (uint64_t)limit;
}

static void report_fault(const void *event_data)
{
  const struct fault_event *e = event_data;
  char exe[PATH_MAX], address[24];
  pid_t pid = (pid_t)(e->task >> 32), tid = (pid_t)(uint32_t)e->task;
  struct running *booked = step_for(step_by_parents(pid));
  if (booked != NULL && config.enforce != ALLOCATIONS) /* booked as a refused allocation (accounts.c) */
    booked->denials++;
  count_fault(e->comm, e->call);
  if (!may_report_failure()) {
    note_reported(false);
    return;
  }
  snprintf(address, sizeof address, "0x%" PRIx64, (uint64_t)e->address);
  start_run(e->ns); /* a fault of the first step's command before its release starts the run's clock */
  event("fault");
  field_number("atNs", since_start(e->ns));
  field_number("pid", pid);
  field_number("tid", tid);
  field_string("comm", e->comm);
  field_string("exe", executable(tid, exe, sizeof exe));
  field_number("call", e->call);
  field_string("at", e->address ? address : NULL);
  field_number("bytes", (int64_t)e->bytes);
  field_number("usage", (int64_t)e->usage);
  field_number("signal", e->signal);
  field_figure("step", booked ? booked->index : -1);
  note_reported(event_end(QUEUE_SOFT));
}

void read_faults(void)
{
  read_ring(&faults.ring, is_closed() ? NULL : report_fault);
}

void stop_watching_faults(void)
{
  if (!faults.attached)
    return;
  read_faults();
  faults.config->limit = NO_LIMIT;
}

struct fault_tally fault_tally(void)
{
  struct fault_tally tally = {0};
  if (faults.attached)
    tally =
        (struct fault_tally){.pages = faults.state->pages, .bytes = faults.state->bytes, .lost = faults.state->lost};
  return tally;
}

bool are_faults_watched(void)
{
  return faults.attached && (config.refresh_file == NULL || counter_freshness() == SUMMED);
}
