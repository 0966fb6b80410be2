#include "children.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/event.h"
#include "crashes.h"
#include "events.h"
#include "faults.h"
#include "handover.h"
#include "lineage.h"
#include "proc.h"
#include "reclaim.h"
#include "run.h"
#include "steps.h"

/*
 * Until a notification is received, its caller waits interruptibly, and a signal handler without SA_RESTART makes the
 * call fail with EINTR.  Real-time priority, where permitted, makes that time as short as a wake-up; joiner and command
 * return to the ordinary policy.  The supervisor runs only while a caller waits for it.
 */
static bool has_priority;

static bool run_as(int scheduling, int priority)
{
  struct sched_param param = {.sched_priority = priority};
  return sched_setscheduler(0, scheduling | SCHED_RESET_ON_FORK, &param) == 0;
}

void raise_priority(void)
{
  has_priority = run_as(SCHED_FIFO, 1);
}

static uint64_t cpu_ns(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

enum { SOME_CALLS = 256, FAIR_NS = 10000000, MOST_PERCENT = 80 };

void share_cpu(void)
{
  static bool is_fair;
  static int calls;
  static uint64_t began, used;
  if (is_fair ? now_ns() - began < FAIR_NS : ++calls < SOME_CALLS)
    return;
  uint64_t now = now_ns(), cpu = cpu_ns();
  bool was_busy = !is_fair && (cpu - used) * 100 >= (now - began) * MOST_PERCENT;
  if (is_fair)
    raise_priority();
  is_fair = was_busy && has_priority && run_as(SCHED_OTHER, 0);
  has_priority = has_priority && !is_fair;
  calls = 0;
  began = now;
  used = cpu;
}

/*
 * Reaping drops the /proc data of the process, and loops in the kernel while a thread of the process that we preempted
 * is about to do the same: with real-time priority, until the kernel takes the CPU from us after a second.
 */
static pid_t reap(pid_t child, int *status)
{
  bool had_priority = has_priority;
  if (had_priority)
    run_as(SCHED_OTHER, 0);
  pid_t pid = waitpid(child, status, WNOHANG);
  if (had_priority)
    raise_priority();
  return pid;
}

/* A child that has exited, not yet reaped: a zombie still has a name.  0: none. */
static pid_t ended_child(siginfo_t *info)
{
  info->si_pid = 0;
  return waitid(P_ALL, 0, info, WEXITED | WNOWAIT | WNOHANG) == 0 ? info->si_pid : 0;
}

/*
 * A joiner, its deputy, or a command that was not executed: some of their pids are not known here.  They have the
 * helper's name without having executed anything.
 */
static bool is_starter(pid_t pid)
{
  static const uint64_t FORKED_NO_EXEC = 0x40; /* PF_FORKNOEXEC: proc_pid_stat(5), field 9 */
  char text[1024];
  const char *comm = comm_of(pid, now_ns());
  if (comm == NULL || strcmp(comm, HELPER_COMM))
    return false;
  return read_proc(pid, "stat", text, sizeof text) && stat_field(text, 9) & FORKED_NO_EXEC;
}

static bool is_ours(pid_t pid)
{
  return step_of_command(pid) != NULL || is_reclaimer(pid) || is_starter(pid);
}

/* A failed child that we adopted: no other process learns of it. */
static void report_orphan(const siginfo_t *info)
{
  pid_t pid = info->si_pid;
  bool exited = info->si_code == CLD_EXITED;
  if (is_closed() || (exited && info->si_status == 0))
    return;
  uint64_t now = now_ns();
  forget_comm(pid);
  if (is_ours(pid))
    return;
  const char *comm = comm_of(pid, now);
  event("orphan-ended");
  field_number("atNs", since_start(now));
  field_number("pid", pid);
  field_string("comm", comm ? comm : "?");
  field_figure("code", exited ? info->si_status : -1);
  field_figure("signal", exited ? -1 : info->si_status);
  event_end(QUEUE_SOFT);
}

void reap_children(void)
{
  int status;
  siginfo_t info;
  read_faults(); /* the cause of an exit comes before the exit */
  for (pid_t pid; (pid = ended_child(&info)) > 0;) {
    report_orphan(&info);
    if (reap(pid, &status) != pid)
      return;
    note_reaped(pid, status);
    forget_task(pid);
    if (pid == step.joiner && !step.joiner_reaped)
      handle_joiner_exit();
    else if (step_of_command(pid) != NULL)
      handle_command_exit(step_of_command(pid), status);
    else if (is_reclaimer(pid))
      forget_reclaimer();
  }
}

void handle_children(int signals)
{
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info)
    ;
  reap_children();
}
