#include "handover.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/event.h"
#include "accounts.h"
#include "counter.h"
#include "enforce.h"
#include "events.h"
#include "group.h"
#include "guardian.h"
#include "interruptions.h"
#include "launch.h"
#include "lineage.h"
#include "loop.h"
#include "message.h"
#include "peak.h"
#include "policy.h"
#include "refusals.h"
#include "run.h"
#include "seccomp.h"

enum {
  JOINER_ENDS_MS = 1000,
  LATEST_MS = 3000, /* by which memory.stat shows every charge */
};

static bool sync_wake_up;

void note_own_denial(const struct request *r)
{
  pid_t tid = tid_of(r);
  if (step.state == FORKING && (tid == step.joiner || is_deputy(tid)))
    step.fork_denied++;
  if (step.state == EXECUTING && tid == step.command && r->call->role == ROLE_EXEC)
    step.exec_denied++;
}

bool is_deputy_clone(pid_t tid)
{
  if (config.join_into == NULL || step.has_deputy || step.state != FORKING || tid != step.joiner)
    return false;
  step.has_deputy = true;
  return true;
}

static void signal_child(char kind)
{
  struct status s = {.kind = kind};
  send_message(step.sock, &s, sizeof s, -1);
}

static void end_handover(void)
{
  if (step.sock >= 0)
    unwatch(step.sock);
  step.sock = -1;
  step.state = IDLE;
}

/* The program has been executed. */
static void step_started(void)
{
  const struct running *r = running_step(step.index);
  end_handover();
  if (r == NULL || !r->background)
    return;
  event("started");
  field_number("step", r->index);
  send_event();
}

static void step_setup_failed(const char *stage, int error, const char *subject)
{
  if (step.joiner > 0 && !step.joiner_reaped)
    kill(step.joiner, SIGKILL);
  if (step.command > 0)
    kill(step.command, SIGKILL);
  send_setup_error(stage, error, subject);
  end_handover();
  forget_step(step.index);
}

/* One of our own, about to exit: it must not be taken for a process that the program left in the group. */
static void kill_own(pid_t pid)
{
  if (pid <= 0)
    return;
  kill(pid, SIGKILL);
  for (int tries = 0; tries < JOINER_ENDS_MS && waitpid(pid, NULL, WNOHANG) == 0; tries++)
    sleep_ms(1);
}

/* The kernel's own limit kept the command from starting: a result, like a denial by the gate. */
static bool refused_by_kernel(int error)
{
  const struct running *r = running_step(step.index);
  book_failcnt();
  return does_kernel_refuse() && (error == ENOMEM || error == EAGAIN || error == E2BIG) && r && denials_of(r) > 0;
}

static void step_denied(const char *what)
{
  kill_own(step.command);
  step.command = -1;
  if (!step.joiner_reaped)
    kill_own(step.joiner);
  step.joiner_reaped = true;
  read_refusals();
  book_failcnt();
  start_run(now_ns());
  note_max();
  close_account();
  event("denied");
  field_number("step", step.index);
  field_string("what", what);
  field_number("atNs", since_start(now_ns()));
  field_number("startNs", (int64_t)run_start());
  end_step(step.index);
  end_handover();
}

void note_notified(int index)
{
  if (index == step.index)
    step.notified = true;
}

void begin_step(struct step_request *request)
{
  int pair[2];
  /* The runner waits for the previous step, counts, and requests none after "close". */
  if (is_closed() || step.state != IDLE || steps_running() == MAX_STEPS) {
    send_setup_error("steps", EBUSY, NULL);
    return;
  }
  step.index++;
  step.joiner_reaped = step.has_deputy = step.ended = step.notified = false;
  step.command = -1;
  step.fork_denied = step.exec_denied = 0;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
    send_setup_error("socketpair", errno, NULL);
    return;
  }
  book_failcnt();
  add_running(step.index, request->background);
  pid_t supervisor = getpid();
  step.joiner = fork();
  if (step.joiner == 0) {
    /* Its gated calls wait for an answer, and until it has joined, no cleanup of the group finds it. */
    end_with(supervisor);
    joiner_main(pair[1], request);
  }
  note_joiner(step.joiner);
  close(pair[1]);
  step.sock = pair[0];
  watch(step.sock, TAG_STATUS);
  step.state = JOINING;
  if (step.joiner < 0)
    step_setup_failed("fork-joiner", errno, NULL);
}

static void accept_listener(int listener, bool killable)
{
  __u64 flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
  sync_wake_up = ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags) == 0;
  if (!share_with_guardian(listener)) {
    step_setup_failed("guardian", EPIPE, NULL);
    close(listener);
    return;
  }
  begin_listener(listener, !killable);
  watch_for_step(listener, TAG_LISTENER, step.index);
  step.state = FORKING;
  signal_child('f');
}

int64_t usage_of_task(void)
{
  int64_t usage = read_usage();
  for (int waited = 0; counter_freshness() == LATE && usage == 0 && waited < LATEST_MS; waited += 50) {
    sleep_ms(50);
    usage = read_usage();
  }
  return usage;
}

/* The command exists and waits: the last moment before it runs. */
static void release_command(void)
{
  int64_t usage = config.limit >= 0 ? usage_of_task() : read_usage();
  if (usage <= 0 && config.limit >= 0) {
    step_setup_failed(usage < 0 ? "not-told" : "not-accounted", 0, config.usage_file);
    return;
  }
  if (step.index > 0)
    note_max();
  close_account();
  reset_max();
  running_step(step.index)->max = -1; /* earlier usage does not belong to it */
  uint64_t now = now_ns();
  start_run(now);
  start_reading();
  event("go");
  field_number("step", step.index);
  field_number("pid", step.command);
  field_number("startNs", (int64_t)run_start());
  field_number("atNs", since_start(now));
  field_figure("usage", usage);
  field_number("noNewPrivs", step.no_new_privs);
  field_number("syncWakeUp", sync_wake_up);
  send_event();
  step.state = EXECUTING;
  signal_child('g');
}

static void report_exit(int index, int status, uint64_t ended_ns)
{
  bool signaled = WIFSIGNALED(status);
  update_figures();
  close_account();
  event("exit");
  field_number("step", index);
  field_number("atNs", since_start(ended_ns));
  field_figure("code", signaled ? -1 : WEXITSTATUS(status));
  field_figure("signal", signaled ? WTERMSIG(status) : -1);
  end_step(index);
}

void handle_status(void)
{
  struct status s;
  int fd;
  ssize_t n = receive_message(step.sock, &s, sizeof s, &fd, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n != (ssize_t)sizeof s) { /* end of file: exec succeeded, or the child is gone (reaping shows which) */
    if (step.state == EXECUTING) {
      step_started();
      if (step.ended)
        report_exit(step.index, step.status, step.ended_ns);
    } else
      step_setup_failed("lost", 0, NULL);
    return;
  }
  bool by_gate = (!strcmp(s.stage, "fork") && step.fork_denied) || (!strcmp(s.stage, "exec") && step.exec_denied);
  if (s.kind == 'E' && (by_gate || refused_by_kernel(s.error)))
    step_denied(s.stage);
  else if (s.kind == 'E')
    step_setup_failed(s.stage, s.error, NULL);
  else if (s.kind == 'L' && fd >= 0) {
    step.no_new_privs = s.no_new_privs;
    accept_listener(fd, s.killable);
  } else if (s.kind == 'N') {
    step.state = FORKING;
    signal_child('f');
  } else if (s.kind == 'C') {
    step.command = running_step(step.index)->command = s.pid;
    add_own_task(s.pid, step.index);
    /* A filter above ours may have answered seccomp(2) in the kernel's place: then no call would ever be gated. */
    if (config.gate && !step.notified)
      step_setup_failed("unnotified", 0, NULL);
    else if (config.enforce && !is_group_known())
      step_setup_failed("enforce", ESRCH, NULL);
    else
      release_command();
  }
}

/*
 * A message about a failed exec has arrived by now; the end of file that signals success may not have, as the joiner
 * holds a copy.  Do not wait for it here: the joiner's last calls may be waiting for our answer.
 */
void handle_command_exit(struct running *r, int status)
{
  int index = r->index;
  uint64_t now = now_ns();
  bool is_latest = index == step.index;
  r->command = -1;
  if (is_latest)
    step.command = -1;
  while (is_latest && step.sock >= 0) {
    struct pollfd p = {.fd = step.sock, .events = POLLIN};
    if (poll(&p, 1, 0) <= 0)
      break;
    handle_status();
  }
  if (running_step(index) == NULL) /* told already */
    return;
  if (!is_latest || step.state == IDLE) {
    report_exit(index, status, now);
    return;
  }
  step.ended = step.state == EXECUTING;
  step.status = status;
  step.ended_ns = now;
}

void handle_joiner_exit(void)
{
  step.joiner_reaped = true;
  while (step.sock >= 0 && (step.state == JOINING || step.state == FORKING)) {
    struct pollfd p = {.fd = step.sock, .events = POLLIN};
    if (poll(&p, 1, 0) <= 0)
      break;
    handle_status();
  }
}
