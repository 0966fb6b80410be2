#include "control.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "../common/event.h"
#include "../common/file.h"
#include "../common/memory.h"
#include "accounts.h"
#include "btf.h"
#include "children.h"
#include "config.h"
#include "counter.h"
#include "crashes.h"
#include "decide.h"
#include "enforce.h"
#include "events.h"
#include "faults.h"
#include "filter.h"
#include "group.h"
#include "guardian.h"
#include "handover.h"
#include "inbox.h"
#include "inject.h"
#include "lineage.h"
#include "moves.h"
#include "peak.h"
#include "proc.h"
#include "profile.h"
#include "reclaim.h"
#include "refusals.h"
#include "run.h"
#include "steps.h"
#include "summary.h"
#include "trace.h"
#include "watched.h"

/* Reports everything that has ended by now as usual. */
static void close_run(void)
{
  if (!is_closed()) {
    reap_children();
    read_deaths();
    stop_watching_kernel();
    stop_watching_faults();
    read_moves();
    end_profile();
    update_figures();
    close_account();
    end_run();
    update_enforced_limit();
  }
  event("closed");
  send_event();
}

static void finish(void)
{
  dismiss_reclaimer();
  end_profile();
  read_deaths();
  update_figures();
  close_account();
  while (waitpid(-1, NULL, WNOHANG) > 0)
    ;
  int escaped = kill_descendants();
  close_trace();
  send_profile();
  send_summary();
  event("end");
  field_number("escaped", escaped);
  event_end(QUEUE_HARD);
  drain_queue();
  release_guardian();
  exit(0);
}

static bool fail_setup(const char *stage, int error, const char *subject)
{
  send_setup_error(stage, error, subject);
  return false;
}

static bool configure_all(char **words)
{
  for (; *words; words++) {
    char *copy = must(strdup(*words));
    tell_guardian(copy);
    if (!configure(*words))
      return fail_setup("configuration", EINVAL, copy);
    free(copy);
  }
  return true;
}

/* By BPF programs. */
static bool start_watching(void)
{
  const char *failed = NULL;
  if (does_kernel_refuse())
    watch_kernel();
  if (config.enforce && !is_kernel_watched())
    return fail_setup("enforce", errno, "refusals");
  if (config.watched)
    watch_moves();
  if (config.enforce && !are_moves_watched())
    return fail_setup("enforce", errno, "moves");
  if (config.kill_escaped && !are_moves_watched())
    return fail_setup("escapes", errno, NULL);
  if (config.watched && counter_freshness() != EXACT)
    sum_counter();
  if (config.watched && config.fault_signal >= 0)
    watch_faults();
  if (config.enforce && !enforce_limit(&failed))
    return fail_setup("enforce", errno, failed);
  if (config.fault_signal > 0 && !are_faults_watched())
    return fail_setup("faults", errno, NULL);
  if (config.profile && !start_profile(&failed))
    return fail_setup("profile", errno, failed);
  forget_kernel_btf();
  report_fitted();
  return true;
}

/* Opens and starts whatever the configuration requires; a failure ends the run before its first step. */
static bool handle_configuration(char **words)
{
  if (!configure_all(words))
    return false;
  if (config.usage_file && !open_counter())
    return fail_setup("counter", errno, config.usage_file);
  if (counter_freshness() != EXACT)
    prepare_counter((long)cpu_count());
  if (config.trace_file || injection_at(0) != NULL)
    start_tracking();
  if (config.trace_file && !open_trace())
    return fail_setup("trace", errno, config.trace_file);
  open_kernel_counters();
  if (!start_watching())
    return false;
  if (config.gate && !build_filter())
    return fail_setup("filter", E2BIG, NULL);
  if (config.has_cpus && sched_setaffinity(0, sizeof config.cpus, &config.cpus) < 0)
    return fail_setup("affinity", errno, NULL);
  if (config.oom_score)
    write_file("/proc/self/oom_score_adj", "-1000");
  if (config.reclaim || config.rcu_wait)
    start_reclaimer();
  return true;
}

static void handle_step(char **words)
{
  struct step_request request = parse_step(words);
  begin_step(&request);
  free(request.argv);
  free(request.envp);
}

/*
 * "BYTES" or "none": the gate's limit from now on.  Empty: the kernel's own limit has changed.  The figures of the
 * previous limit end here.  If the counter cannot be read, a limit would have no effect: then nothing changes, as after
 * "close".
 */
static void handle_limit(const char *limit)
{
  int64_t asked = limit == NULL ? config.limit : strcmp(limit, "none") ? atoll(limit) : -1;
  int64_t usage = asked >= 0 && steps_running() > 0 ? usage_of_task() : read_usage();
  const char *refused = asked < 0                           ? NULL
                        : usage < 0                         ? "not-told"
                        : usage == 0 && steps_running() > 0 ? "not-accounted"
                                                            : NULL;
  note_max();
  int64_t before = max_of_limit();
  if (refused == NULL && !is_closed()) {
    reset_max();
    reset_limit_max();
    set_limit(asked);
    forget_usage();
    update_fault_limit();
    update_enforced_limit();
    usage = read_usage();
  }
  event("limit");
  field_string("refused", refused);
  field_figure("usage", usage);
  field_figure("maxUsage", before);
  send_event();
}

static void handle_message(char **words)
{
  if (*words == NULL)
    return;
  static bool configured;
  if (!strcmp(*words, "config"))
    configured = handle_configuration(words + 1);
  else if (!strcmp(*words, "step") && configured) /* otherwise the runner has been told why */
    handle_step(words + 1);
  else if (!strcmp(*words, "limit") && configured)
    handle_limit(words[1]);
  else if (!strcmp(*words, "totals"))
    send_totals();
  else if (!strcmp(*words, "outside"))
    begin_outside();
  else if (!strcmp(*words, "close"))
    close_run();
  else if (!strcmp(*words, "finish"))
    finish();
}

void handle_control(void)
{
  static struct inbox inbox;
  size_t room;
  char *free_space = inbox_room(&inbox, &room);
  ssize_t n = recv(CONTROL_FD, free_space, room, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0) { /* the runner is gone */
    kill_and_remove_group();
    kill_descendants();
    release_guardian();
    exit(1);
  }
  inbox.used += (size_t)n;
  for (char **words; (words = next_message(&inbox)) != NULL;) {
    handle_message(words);
    free(words);
    end_message(&inbox);
  }
}
