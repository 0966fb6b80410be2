#include "notify.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/types.h>

#include "../common/clock.h"
#include "../common/event.h"
#include "brk.h"
#include "config.h"
#include "counter.h"
#include "decide.h"
#include "errors.h"
#include "events.h"
#include "failures.h"
#include "group.h"
#include "handover.h"
#include "inject.h"
#include "interruptions.h"
#include "lineage.h"
#include "loop.h"
#include "notices.h"
#include "peak.h"
#include "policy.h"
#include "proc.h"
#include "reclaim.h"
#include "repair.h"
#include "request.h"
#include "run.h"
#include "seccomp.h"
#include "trace.h"

static struct notification_buffers buffers;

void prepare_notifications(void)
{
  buffers = allocate_notification();
}

static struct seccomp_notif_resp *response_to(const struct request *r)
{
  memset(buffers.response, 0, sizeof *buffers.response);
  buffers.response->id = r->notification->id;
  return buffers.response;
}

static bool send_response(const struct request *r)
{
  if (ioctl(r->listener, SECCOMP_IOCTL_NOTIF_SEND, buffers.response) == 0)
    return true;
  if (errno == EINPROGRESS)
    return true;
  note_unanswered(r); /* ENOENT: the caller died or was interrupted; no call was failed */
  if (!is_closed())
    note_gone(r->listener);
  return false;
}

static void let_continue(const struct request *r)
{
  response_to(r)->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  send_response(r);
}

/* Requested failures are matched by the caller's address in the run. */
static bool is_injected(const struct request *r)
{
  const struct task *t = injection_at(0) != NULL ? find_task(tid_of(r)) : NULL;
  return t != NULL && injects(t->lineage, t->calls, r->call->name);
}

static void note_injected(const struct request *r, bool failed)
{
  const struct task *t = find_task(tid_of(r));
  if (t != NULL)
    note_injection(t->lineage, t->calls, r->call->name, failed);
}

static void allow(const struct request *r, int64_t usage)
{
  const struct call *c = r->call;
  pid_t tid = tid_of(r);
  if (c->role == ROLE_BRK)
    note_break(tid, args_of(r)[0]);
  trace_call(r, usage, "continue");
  if (c->role == ROLE_EXEC) { /* its name and its heap change here */
    forget_comm(tid);
    forget_break(tid);
    if (config.limit >= 0)
      hold_exec(r);
  }
  if (r->later > 0)
    expect_faults(r->later);
  let_continue(r);
}

/* The break to answer a denied brk with; 0: it is a query or a shrink, or the break is unknown. */
static uint64_t break_to_answer(const struct request *r)
{
  uint64_t current = current_break(thread_group(tid_of(r)));
  return args_of(r)[0] > current ? current : 0;
}

/* `injected`: from is_injected(), just before. */
static void deny(const struct request *r, int64_t usage, bool injected)
{
  uint64_t now = now_ns();
  const struct call *c = r->call;
  int error = config.errno_enomem && c->action == GATE ? ENOMEM : errno_of(r);
  const char *known = comm_of(tid_of(r), now);
  const char *comm = known ? known : "?";
  struct seccomp_notif_resp *response = response_to(r);

  if (c->role == ROLE_BRK) {
    uint64_t current = break_to_answer(r);
    if (current == 0) {
      if (injected)
        note_injected(r, false);
      allow(r, usage); /* never an errno */
      return;
    }
    response->val = (int64_t)current;
    error = ENOMEM;
  } else {
    response->error = -error;
  }
  trace_call(r, usage, "deny");
  bool prepared = prepare_failure(r, usage, error, now, comm, injected);
  if (ioctl(r->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &r->notification->id) < 0) {
    note_unanswered(r);
    return; /* gone: the data read may belong to another process */
  }
  note_own_denial(r);
  if (!send_response(r))
    return;
  note_denial(r);
  if (injected)
    note_injected(r, true);
  count_denial(r, error, comm, prepared);
}

/*
 * The counter can no longer be read: the command may have removed its own group.  From here on no call is answered; the
 * runner ends the run.
 */
static bool counter_lost;

static bool lose_counter(int64_t usage)
{
  /* Until the first command's release, an unreadable counter is a reason to run nothing (handover.c). */
  if (usage >= 0 || config.limit < 0 || run_start() == 0 || is_closed())
    return false;
  if (!counter_lost) {
    counter_lost = true;
    event("counter-lost");
    send_event();
    kill_group_once();
  }
  return true;
}

void handle_reclaimed(void)
{
  if (!end_reclaim())
    return;
  for (struct request *r; (r = next_deferred()) != NULL;) {
    int64_t usage = read_usage();
    if (lose_counter(usage))
      continue;
    if (!over_limit(r, usage))
      allow(r, usage);
    else if (!defer_again(r))
      deny(r, usage, false);
  }
}

static void decide_call(struct request *r)
{
  bool injected = is_injected(r);
  if (r->call->action == REFUSE) {
    deny(r, -1, injected);
    return;
  }
  if (injected) {
    deny(r, read_usage(), true);
    return;
  }
  int64_t usage = usage_for_decision();
  if (lose_counter(usage))
    return;
  if (!over_limit(r, usage))
    allow(r, usage);
  else if (!defer(r))
    deny(r, usage, false);
}

/* Signal-handler returns whose task is not yet waiting for us. */
enum { MAX_RETURNS = 256, LOOKS = 4, LOOK_AGAIN_US = 5 };

static struct {
  struct request request;
  struct seccomp_notif notification;
} returns[MAX_RETURNS];
static int return_count;

/* False if the task is about to wait for the answer. */
static bool answer_return(const struct request *r)
{
  int repaired = has_lost(r->listener) ? repair_context(r->listener, r->notification->id, tid_of(r)) : 0;
  if (repaired == NOT_ASLEEP)
    return false;
  note_repaired(r->listener, repaired);
  let_continue(r);
  return true;
}

/* Calls that were received but not yet handled. */
enum { MAX_RECEIVED = 64 };

static struct seccomp_notif received[MAX_RECEIVED];
static int received_count, received_taken;

static void wait_briefly(void)
{
  static int slack_ns;
  if (slack_ns == 0)
    slack_ns = prctl(PR_GET_TIMERSLACK);
  /* Not permanently: commands are our children and would inherit it. */
  prctl(PR_SET_TIMERSLACK, 1);
  sleep_us(LOOK_AGAIN_US);
  prctl(PR_SET_TIMERSLACK, (unsigned long)slack_ns);
}

/* An unrepaired lost return crashes its program: no return is answered before it was inspected. */
static void handle_return(const struct request *r)
{
  for (int looks = 0; looks < LOOKS || return_count == MAX_RETURNS; looks++) {
    if (answer_return(r))
      return;
    if (received_taken < received_count && return_count < MAX_RETURNS)
      break; /* it has time to fall asleep while other calls are handled */
    wait_briefly();
  }
  returns[return_count].notification = *r->notification;
  returns[return_count].request = *r;
  return_count++;
}

bool returns_wait(void)
{
  for (int i = return_count - 1; i >= 0; i--) {
    struct request r = returns[i].request;
    r.notification = &returns[i].notification;
    if (answer_return(&r))
      returns[i] = returns[--return_count];
  }
  return return_count > 0;
}

static void handle(struct request *r)
{
  if (is_handler_return(&r->notification->data)) {
    handle_return(r);
    return;
  }
  if (counter_lost)
    return;
  if (is_closed()) {
    let_continue(r);
    return;
  }
  drop_approval(tid_of(r));
  r->call = find_call(r->notification->data.arch, (uint32_t)r->notification->data.nr);
  if (is_deputy_clone(tid_of(r))) {
    let_continue(r);
    return;
  }
  if (r->call == NULL || r->call->action != WATCH)
    count_gated_call();
  if (r->call == NULL) {
    let_continue(r);
    return;
  }
  if (is_tracking())
    note_call(r);
  check_call(r);
  if (r->call->action == WATCH) {
    if (is_exit(r->call) && tid_of(r) != step.joiner && !is_deputy(tid_of(r)))
      note_end();
    if (is_exit(r->call) && counter_freshness() != EXACT)
      read_usage();
    let_continue(r);
    return;
  }
  decide_call(r);
}

static bool receive(int listener, int step_index)
{
  memset(buffers.notification, 0, buffers.notification_size);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, buffers.notification) < 0)
    return false; /* the caller was killed meanwhile */
  received[received_count++] = *buffers.notification;
  if (note_id(listener, buffers.notification->id, !is_closed() && !counter_lost)) {
    /* Waking us on the caller's CPU is faster if one task calls; this many signals need all CPUs. */
    __u64 flags = 0;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags);
  }
  note_notified(step_index);
  return true;
}

/* A received call is not taken back.  If signals take calls back, no call waits for the decision on another one. */
static void receive_more(int listener, int step_index)
{
  struct pollfd p = {.fd = listener, .events = POLLIN};
  while (has_lost(listener) && received_count < MAX_RECEIVED && poll(&p, 1, 0) == 1 && (p.revents & POLLIN))
    if (!receive(listener, step_index))
      break;
}

void handle_notification(int listener, int step_index, uint32_t events)
{
  if (!(events & EPOLLIN)) {
    if (events & EPOLLHUP) /* the last task that used this filter is gone */
      unwatch(listener);
    return;
  }
  received_count = 0;
  if (!receive(listener, step_index))
    return;
  for (received_taken = 0; received_taken < received_count;) {
    receive_more(listener, step_index);
    struct request r = {.notification = &received[received_taken++], .listener = listener, .step = step_index};
    handle(&r);
  }
}
