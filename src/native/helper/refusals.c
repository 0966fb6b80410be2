#include "refusals.h"

#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/event.h"
#include "bpf.h"
#include "config.h"
#include "describe.h"
#include "enforce.h"
#include "events.h"
#include "loop.h"
#include "policy.h"
#include "probes.h"
#include "proc.h"
#include "ring.h"
#include "run.h"
#include "steps.h"

enum {
  LIVELOCK_LOOK_MS = 500,
  LIVELOCK_MS = 3000,
  LIVELOCK_LEAST = 100, /* refusals in that time */
};

static struct {
  bool attached;
  int timer;
  uint64_t reported, charges_seen;
  bool livelock_reported;
  struct ring ring;
} kernel = {.timer = -1};

static const struct call *call_of(const struct refusal_kind *kind)
{
  if (kind->not_32_bit == 0)
    return find_call(THIS_ARCH_32, kind->nr);
  return find_call(THIS_ARCH, kind->nr & ~X32_BIT); /* x32's calls have x86-64's numbers and this bit */
}

static const char *name_of(const struct refusal_kind *kind, char *text, size_t size)
{
  const struct call *c = call_of(kind);
  if (c != NULL)
    return c->name;
  snprintf(text, size, "%s%u", kind->not_32_bit ? "call_" : "call_32_", kind->nr);
  return text;
}

/* Its descriptors are still those of the refused call. */
static bool is_still_there(const struct refusal *r)
{
  uint32_t tid = (uint32_t)r->task;
  struct refused_task task;
  return get_entry(refused_tasks(), &tid, &task) && task.calls == r->calls;
}

/* Described by arguments alone. */
static bool is_told_by_arguments(const struct call *c)
{
  switch (c->detail) {
  case DETAIL_SIZE:
  case DETAIL_FD:
  case DETAIL_SOCKET:
  case DETAIL_MMAP: return true;
  default: return c->role == ROLE_CLONE || c->role == ROLE_VFORK;
  }
}

/* The program may have continued by now: data read from its memory is not reported. */
static const char *describe_refusal(const struct refusal *r, char *text, size_t size)
{
  const struct call *c = call_of(&r->kind);
  if (c == NULL || r->kind.not_32_bit == 0)
    return NULL;
  if (c->detail == DETAIL_PATH || c->detail == DETAIL_PATH_AT)
    return r->path[0] ? r->path : NULL;
  bool file = c->detail == DETAIL_MMAP && !(r->args[3] & MAP_ANONYMOUS);
  if (!is_told_by_arguments(c))
    return NULL;
  uint64_t args[CALL_ARGUMENTS];
  memcpy(args, r->args, sizeof args);
  const char *about = describe(c, (pid_t)(uint32_t)r->task, args, text, size);
  return file && !is_still_there(r) ? NULL : about;
}

static void report_refusal(const void *event_data)
{
  const struct refusal *r = event_data;
  char name[32], detail[PATH_MAX], exe[PATH_MAX], stack[STACK_FRAMES * SYMBOL];
  pid_t tid = (pid_t)(uint32_t)r->task;
  start_run(r->ns); /* if the first step's own fork failed, the run's clock starts here */
  event("failure");
  field_number("atNs", since_start(r->ns));
  field_number("pid", (int64_t)(r->task >> 32));
  field_number("tid", tid);
  field_string("comm", r->kind.comm);
  field_string("exe", executable(tid, exe, sizeof exe));
  field_string("syscall", name_of(&r->kind, name, sizeof name));
  field_string("detail", describe_refusal(r, detail, sizeof detail));
  field_string("address", NULL);
  field_figure("usage", config.enforce ? (int64_t)r->usage : -1);
  field_number("errno", r->kind.error);
  field_number("handled", (int64_t)r->handled);
  if (config.enforce) {
    field_number("bytes", (int64_t)r->bytes);
    field_number("isObject", (int64_t)r->is_object);
    field_string("stack", stack_names(r->stack, stack, sizeof stack));
  }
  field_figure("step", step_index_for(step_by_parents((pid_t)(r->task >> 32))));
  if (event_end(QUEUE_SOFT) && !r->handled)
    kernel.reported++;
}

void read_refusals(void)
{
  read_ring(&kernel.ring, is_closed() ? NULL : report_refusal);
}

static uint64_t system_ticks(pid_t tid)
{
  char text[2048];
  return read_proc(tid, "stat", text, sizeof text) ? stat_field(text, 15) : 0;
}

static void report_livelock(pid_t tid, const struct refused_task *task)
{
  const char *comm = comm_of(tid, now_ns());
  kernel.livelock_reported = true;
  event("livelock");
  field_figure("pid", thread_group(tid));
  field_number("tid", tid);
  field_string("comm", comm);
  field_number("refusals", (int64_t)task->streak);
  field_number("forNs", (int64_t)(task->last_ns - task->since_ns));
  send_event();
}

static bool is_stuck(const struct refused_task *task, uint64_t now)
{
  return task->since_ns != 0 && task->in_fault && task->streak >= LIVELOCK_LEAST &&
         task->last_ns - task->since_ns >= LIVELOCK_MS * 1000000ull && now < task->last_ns + 1000000000u;
}

void check_livelock(void)
{
  static struct {
    uint32_t tid;
    uint64_t since_ns, ticks;
  } suspect;
  uint64_t expirations, refused = refusals_totals().charges_refused, now = now_ns();
  while (read(kernel.timer, &expirations, sizeof expirations) > 0)
    ;
  if (is_closed() || refused == kernel.charges_seen || kernel.livelock_reported)
    return;
  kernel.charges_seen = refused;
  uint32_t tid = 0, found = 0;
  struct refused_task task, first = {0};
  bool more = next_key(refused_tasks(), NULL, &tid);
  /* If entries are added and removed meanwhile, the walk may restart: it is bounded. */
  for (int i = 0; more && i < MAX_REFUSED_TASKS; i++, more = next_key(refused_tasks(), &tid, &tid)) {
    if (!get_entry(refused_tasks(), &tid, &task) || !is_stuck(&task, now))
      continue;
    if (tid == suspect.tid && task.since_ns == suspect.since_ns) {
      if (system_ticks((pid_t)tid) > suspect.ticks)
        report_livelock((pid_t)tid, &task);
      return;
    }
    if (found == 0) {
      found = tid;
      first = task;
    }
  }
  suspect.tid = found;
  suspect.since_ns = first.since_ns;
  suspect.ticks = found == 0 ? 0 : system_ticks((pid_t)found);
}

void send_refusal_counts(void)
{
  struct refusal_kind kind;
  uint64_t count;
  char name[32];
  for (bool more = next_key(refusal_counts(), NULL, &kind); more; more = next_key(refusal_counts(), &kind, &kind)) {
    if (!get_entry(refusal_counts(), &kind, &count))
      continue;
    event("count");
    field_string("comm", kind.comm);
    field_string("syscall", name_of(&kind, name, sizeof name));
    field_number("errno", kind.error);
    field_number("count", (int64_t)count);
    event_end(QUEUE_HARD);
  }
}

void note_joiner(pid_t joiner)
{
  if (kernel.attached)
    set_joiner(joiner);
}

void watch_kernel(void)
{
  errno = 0;
  kernel.attached = (config.attribute || config.enforce) && attach_to_kernel(config.attribute) &&
                    map_ring(&kernel.ring, refusal_ring(), REFUSAL_RING);
  if (!kernel.attached) {
    event("unattributed");
    field_number("errno", errno);
    send_event();
    return;
  }
  const struct timespec often = {0, LIVELOCK_LOOK_MS * 1000000L};
  const struct itimerspec every = {often, often};
  kernel.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  timerfd_settime(kernel.timer, 0, &every, NULL);
  watch(kernel.timer, TAG_LIVELOCK);
  watch(refusal_ring(), TAG_REFUSALS);
}

void stop_watching_kernel(void)
{
  if (!kernel.attached)
    return;
  detach_from_kernel();
  read_refusals();
  unwatch(kernel.timer);
  kernel.timer = -1;
}

bool is_kernel_watched(void)
{
  return kernel.attached;
}

uint64_t refusals_reported(void)
{
  return kernel.reported;
}
