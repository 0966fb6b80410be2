#include "lifecycle.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../common/event.h"
#include "config.h"
#include "fail.h"
#include "fetch.h"
#include "names.h"
#include "outbox.h"
#include "program.h"
#include "root.h"
#include "runs.h"
#include "settings.h"
#include "streams.h"

static enum { CONFIGURING, FETCHING, RUNNING, DRAINING, ENDED } state;
static bool serving; /* the program is the runner, and runs */
static int end_status;
static sigset_t early_signals; /* received before the program started */

bool is_configured(void)
{
  return state != CONFIGURING;
}

bool is_running(void)
{
  return state == RUNNING;
}

static void handle_program_end(int status)
{
  serving = false;
  end_status = status;
  state = DRAINING;
  drain_streams();
}

static void handle_fetched(int status)
{
  handle_fetcher_exit();
  if (contained && status != 0)
    fail("fetch the runner's files", EIO, NULL);
  release_lower();
}

static void send_totals(void)
{
  field_number("stdout", (int64_t)output.given);
  field_number("stderr", (int64_t)error_output.given);
  if (config.stream[0] == KIND_PIPE || config.stream[0] == KIND_SMALL_PIPE)
    field_number("stdin", input_read());
  else
    field_string("stdin", NULL);
  event_end();
}

static void send_end(void)
{
  sync_shares();
  state = ENDED;
  close_stream(&output); /* cuts off daemons: the host already has the byte counts */
  close_stream(&error_output);
  event("end");
  if (WIFEXITED(end_status)) {
    field_number("code", WEXITSTATUS(end_status));
    field_string("signal", NULL);
  } else {
    field_string("code", NULL);
    field_string("signal", signal_name(WTERMSIG(end_status)));
  }
  send_totals();
}

/* The host has the result before the room is cleared: it may have enough of this guest, or think of the next run. */
static void send_over(void)
{
  sync_shares();
  state = CONFIGURING;
  event("over");
  send_totals();
  close_stream_ends();
  reset_streams();
  const char *left = close_run();
  event("cleared");
  field_string("left", left);
  event_end();
}

void drain(void)
{
  if (state != DRAINING)
    return;
  pump(&output);
  pump(&error_output);
  if (is_drained(&output) && is_drained(&error_output))
    (serving ? send_over : send_end)();
}

void send_signal(int number)
{
  if (state < RUNNING)
    sigaddset(&early_signals, number);
  if (state != RUNNING || number == 0)
    return;
  bool foreground = terminal >= 0 && tcgetpgrp(terminal) == program;
  kill(foreground ? -program : program, number);
}

static void begin(void)
{
  open_streams();
  state = RUNNING;
  for (int i = 1; i < NSIG; i++)
    if (sigismember(&early_signals, i) == 1)
      send_signal(i);
  sigemptyset(&early_signals);
}

static void run_when_ready(void)
{
  if (state != FETCHING || is_fetching())
    return;
  start_program();
  serving = config.serves;
  event("started");
  field_number("pid", program);
  event_end();
  if (serving)
    state = CONFIGURING;
  else
    begin();
}

void run_when_fetched(void)
{
  state = FETCHING;
  run_when_ready();
}

bool is_serving(void)
{
  return serving;
}

void begin_run(void)
{
  open_run();
  resize_terminal();
  static const char *const names[] = {"stdin", "stdout", "stderr"};
  for (int fd = 0; fd < 3; fd++)
    setup_stream(fd);
  begin();
  event("opened");
  field_number("holder", run_holder());
  for (int fd = 0; fd < 3; fd++)
    field_number(names[fd], stream_end(fd));
  event_end();
}

/* The runner has told its result. */
void finish_run(void)
{
  if (!serving || state != RUNNING)
    return;
  end_run(reap);
  if (!serving)
    return;
  state = DRAINING;
  drain_streams();
}

void reap(void)
{
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (is_fetcher(pid))
      handle_fetched(status);
    else if (pid == program && (serving || state == RUNNING)) /* with a terminal: only if the keeper was killed */
      handle_program_end(status);
  }
  run_when_ready();
}

void handle_reports(void)
{
  struct report report;
  ssize_t n;
  while ((n = read(reports, &report, sizeof report)) == sizeof report) {
    if (report.kind == REPORT_STOPPED) {
      event("stopped");
      event_end();
    } else if (serving || state == RUNNING) {
      handle_program_end(report.value);
    }
  }
  if (n == 0)
    close_reports();
}
