#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/event.h"
#include "children.h"
#include "control.h"
#include "counter.h"
#include "crashes.h"
#include "events.h"
#include "faults.h"
#include "guardian.h"
#include "handover.h"
#include "launch.h"
#include "loop.h"
#include "moves.h"
#include "notify.h"
#include "peak.h"
#include "proc.h"
#include "profile.h"
#include "reclaim.h"
#include "refusals.h"
#include "steps.h"

static int open_signals(void)
{
  sigset_t mask, original;
  /* The terminal's signals reach the whole foreground group; the runner decides what they mean for the run. */
  static const int ignored[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2};
  for (unsigned i = 0; i < sizeof ignored / sizeof *ignored; i++)
    signal(ignored[i], SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigprocmask(SIG_BLOCK, &mask, &original);
  keep_signal_mask(&original);
  return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A process that probes it (gc) holds it for a moment. */
static bool take_lock(void)
{
  for (int tries = 0; tries < 200; tries++) {
    if (flock(LOCK_FD, LOCK_EX | LOCK_NB) == 0)
      return true;
    if (errno != EWOULDBLOCK)
      return false;
    sleep_ms(5);
  }
  return false;
}

static void dispatch(const struct ready *ready)
{
  switch (ready->tag) {
  case TAG_LISTENER: handle_notification(ready->fd, ready->step, ready->events); break;
  case TAG_CONTROL: handle_control(); break;
  case TAG_GUARDIAN: handle_guardian_end(); break;
  case TAG_SIGNALS: handle_children(ready->fd); break;
  case TAG_STATUS:
    if (ready->fd == step.sock)
      handle_status();
    break;
  case TAG_RECLAIMER: handle_reclaimed(); break;
  case TAG_REFUSALS: read_refusals(); break;
  case TAG_LIVELOCK:
    check_livelock();
    correct_counter();
    break;
  case TAG_READING: handle_reading(); break;
  case TAG_FAULTS: read_faults(); break;
  case TAG_MOVES: read_moves(); break;
  case TAG_PARTS: read_parts(); break;
  case TAG_DEATH: handle_death(ready->fd); break;
  }
}

int supervise(void)
{
  prctl(PR_SET_NAME, HELPER_COMM);
  /*
   * A program of the same user could write to our memory or take a listener (pidfd_getfd(2)); exec resets this for the
   * command.
   */
  prctl(PR_SET_DUMPABLE, 0);
  fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
  fcntl(LOCK_FD, F_SETFD, FD_CLOEXEC);
  allocate_queue();
  int signals = open_signals();
  int guardian = start_guardian();
  if (guardian < 0) {
    send_setup_error("guardian", errno, NULL);
    return 1;
  }
  if (!open_loop() || signals < 0) {
    send_setup_error("supervisor", errno, NULL);
    return 1;
  }
  if (!take_lock()) {
    send_setup_error("lock", errno, NULL);
    return 1;
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  raise_priority();
  cpu_count(); /* queried once, while no call waits */
  prepare_notifications();
  watch(CONTROL_FD, TAG_CONTROL);
  watch(signals, TAG_SIGNALS);
  watch(guardian, TAG_GUARDIAN);
  event("locked");
  send_event();
  for (;;) {
    struct ready ready[8];
    int n = wait_for_ready(ready, 8, returns_wait() ? 1 : has_backlog() ? 10 : mind_reclaimer());
    for (int i = 0; i < n; i++)
      dispatch(&ready[i]);
    if (has_backlog())
      flush_queue();
    share_cpu();
  }
}
