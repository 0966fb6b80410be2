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
#include "fetch.h"
#include "names.h"
#include "outbox.h"
#include "program.h"
#include "settings.h"
#include "streams.h"

static enum { CONFIGURING, FETCHING, RUNNING, DRAINING, ENDED } state;
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
  end_status = status;
  state = DRAINING;
  drain_streams();
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
  field_number("stdout", (int64_t)output.given);
  field_number("stderr", (int64_t)error_output.given);
  if (config.stream[0] == KIND_PIPE || config.stream[0] == KIND_SMALL_PIPE)
    field_number("stdin", input_read());
  else
    field_string("stdin", NULL);
  event_end();
}

void drain(void)
{
  if (state != DRAINING)
    return;
  pump(&output);
  pump(&error_output);
  if (is_drained(&output) && is_drained(&error_output))
    send_end();
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

static void run_when_ready(void)
{
  if (state != FETCHING || is_fetching())
    return;
  start_program();
  open_streams();
  state = RUNNING;
  for (int i = 1; i < NSIG; i++)
    if (sigismember(&early_signals, i) == 1)
      send_signal(i);
}

void run_when_fetched(void)
{
  state = FETCHING;
  run_when_ready();
}

void reap(void)
{
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (is_fetcher(pid))
      handle_fetcher_exit();
    else if (pid == program && state == RUNNING) /* with a terminal: only if the keeper was killed */
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
    } else if (state == RUNNING) {
      handle_program_end(report.value);
    }
  }
  if (n == 0)
    close_reports();
}
