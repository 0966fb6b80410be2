#include "control.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "../common/memory.h"
#include "config.h"
#include "fail.h"
#include "lifecycle.h"
#include "names.h"
#include "ports.h"
#include "program.h"
#include "root.h"
#include "settings.h"
#include "streams.h"

enum { INBOX_MAX = 16 << 20 }; /* a configuration: arguments and environment are at most 6 MiB (execve(2)) */

static char *inbox, *configuration;
static size_t inbox_used, inbox_size, inbox_searched;

static void handle_line(char *text)
{
  struct winsize size = {0};
  if (!strcmp(text, "poweroff"))
    power_off();
  else if (!strncmp(text, "signal ", 7))
    send_signal(signal_number(text + 7));
  else if (!strncmp(text, "size ", 5) && terminal >= 0 && parse_size(text + 5, &size))
    ioctl(terminal, TIOCSWINSZ, &size);
  else if (!strncmp(text, "stdin-end ", 10))
    set_input_total(strtoull(text + 10, NULL, 10));
  else if (!strcmp(text, "close stdout"))
    close_stream(&output);
  else if (!strcmp(text, "close stderr"))
    close_stream(&error_output);
  else if (!strcmp(text, "opened"))
    close_stream_ends();
  else if (!strcmp(text, "finish"))
    finish_run();
  else if (!strcmp(text, "cont") && is_running())
    kill(-program, SIGCONT);
}

static void configure_program(void)
{
  if (config.argc == 0)
    fail("read the configuration", EINVAL, "no program");
  setup_clock();
  setup_hostname();
  setup_cgroups();
  if (!config.serves) {
    setup_run_directories();
    setup_shares();
  }
  setup_terminal();
  for (int fd = 0; fd < 3; fd++)
    if (config.serves)
      setup_own_stream(fd);
    else
      setup_stream(fd);
  run_when_fetched();
}

static void handle_configuration(size_t size)
{
  read_configuration(configuration, size);
  if (is_serving())
    begin_run();
  else
    configure_program();
}

/* The configuration stays where it was read: its values are the program's arguments. */
static void handle_inbox(void)
{
  size_t done = 0;
  if (!is_configured()) {
    const char *end = memmem(inbox + inbox_searched, inbox_used - inbox_searched, "\0\0", 2);
    inbox_searched = inbox_used > 0 ? inbox_used - 1 : 0;
    if (end == NULL)
      return;
    done = (size_t)(end - inbox) + 2;
    char *whole = inbox;
    free(configuration);
    configuration = whole;
    inbox_size = inbox_used - done + 65536;
    char *rest = must(malloc(inbox_size));
    memcpy(rest, whole + done, inbox_used - done);
    size_t size = done;
    inbox = rest;
    inbox_used -= done;
    inbox_searched = 0;
    done = 0;
    handle_configuration(size);
  }
  for (char *newline; (newline = memchr(inbox + done, '\n', inbox_used - done)) != NULL;) {
    *newline = '\0';
    handle_line(inbox + done);
    done = (size_t)(newline - inbox) + 1;
  }
  inbox_used -= done;
  memmove(inbox, inbox + done, inbox_used);
}

void read_control(void)
{
  for (;;) {
    if (inbox_size - inbox_used < 4096) {
      if (inbox_size > INBOX_MAX)
        fail("read the configuration", E2BIG, NULL);
      inbox_size = inbox_size * 2 + 65536;
      inbox = must(realloc(inbox, inbox_size));
    }
    ssize_t n = read(port_fd[CONTROL], inbox + inbox_used, inbox_size - inbox_used);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (n <= 0)
      power_off();
    inbox_used += (size_t)n;
    handle_inbox();
  }
}
