#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "../common/event.h"
#include "../common/memory.h"
#include "config.h"
#include "outbox.h"
#include "ports.h"
#include "program.h"

enum {
  STREAM_BUFFER = 64 << 10,
  ROUNDS = 16,              /* of one stream before the others have their turn */
  TERMINAL_DRAIN = 1 << 20, /* more than a terminal can hold */
};

struct stream input = {-1, -1, .budget = UINT64_MAX}, output = {-1, -1, .budget = UINT64_MAX},
              error_output = {-1, -1, .budget = UINT64_MAX};

static uint64_t input_total = UINT64_MAX; /* what "stdin-end" said */
static int64_t input_unread;              /* bytes in the pipe when its end closed */
static int input_reader = -1;             /* measures that after the program has got its end of file */

bool is_empty(const struct stream *s)
{
  return s->start == s->end;
}

/* Descriptors that two streams share (a terminal's) are not closed. */
static void close_end(int *fd)
{
  if (*fd >= 0 && *fd != terminal)
    close(*fd);
  *fd = -1;
}

static void read_stream(struct stream *s)
{
  size_t room = s->budget < STREAM_BUFFER ? (size_t)s->budget : STREAM_BUFFER;
  ssize_t n = room == 0 ? 0 : read(s->from, s->buffer, room);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    s->exhausted = s->draining;
    return;
  }
  if (n <= 0) { /* end of a pipe; EIO: end of a terminal */
    close_end(&s->from);
    return;
  }
  s->start = 0;
  s->end = (size_t)n;
  s->taken += (uint64_t)n;
  s->budget -= s->draining ? (uint64_t)n : 0;
}

/* False if the other side accepts no more for now. */
static bool write_stream(struct stream *s)
{
  ssize_t n = write(s->to, s->buffer + s->start, s->end - s->start);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (n < 0) { /* nobody reads it any more; poll(2) reports this, too */
    s->start = s->end;
    return false;
  }
  s->start += (size_t)n;
  s->given += (uint64_t)n;
  return true;
}

void pump(struct stream *s)
{
  for (int i = 0; i < ROUNDS; i++) {
    if (is_empty(s) && s->from >= 0 && s->to >= 0)
      read_stream(s);
    if (is_empty(s) || s->to < 0 || !write_stream(s))
      return;
  }
}

static int64_t unread_in(int fd)
{
  int unread = 0;
  return fd >= 0 && ioctl(fd, FIONREAD, &unread) == 0 ? unread : 0;
}

/* Reopens the reading end: the amount in a pipe can be queried only through an end. */
static void end_input(void)
{
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", input.to);
  if (input.to != terminal)
    input_reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  close_end(&input.to);
  input.from = -1;
}

void end_input_if_complete(void)
{
  if (input.to >= 0 && is_empty(&input) && (input.taken >= input_total || input.from < 0))
    end_input();
}

void handle_input_closed(void)
{
  input_unread = unread_in(input.to);
  close_end(&input.to);
  event("stdin-closed");
  event_end();
}

static void open_stream(struct stream *s, int from, int to)
{
  s->buffer = must(malloc(STREAM_BUFFER));
  s->from = from;
  s->to = to;
}

void open_streams(void)
{
  if (config.stream[0] == KIND_TTY || own_fd[0] >= 0)
    open_stream(&input, port_fd[STDIN], config.stream[0] == KIND_TTY ? terminal : own_fd[0]);
  if (config.stream[1] == KIND_TTY || own_fd[1] >= 0)
    open_stream(&output, config.stream[1] == KIND_TTY ? terminal : own_fd[1], port_fd[STDOUT]);
  bool own_terminal = config.stream[2] == KIND_TTY && config.stream[1] != KIND_TTY;
  if (own_terminal || own_fd[2] >= 0)
    open_stream(&error_output, own_terminal ? terminal : own_fd[2], port_fd[STDERR]);
}

void reset_streams(void)
{
  struct stream *const all[] = {&input, &output, &error_output};
  close_end(&input.to);
  close_end(&output.from);
  close_end(&error_output.from);
  for (int i = 0; i < 3; i++) {
    free(all[i]->buffer);
    *all[i] = (struct stream){.from = -1, .to = -1, .budget = UINT64_MAX};
  }
  close_end(&input_reader);
  input_total = UINT64_MAX;
  input_unread = 0;
}

void close_stream(struct stream *s)
{
  if (s->from >= 0 && s->from == terminal) {
    close_terminal();
    if (input.to >= 0 && config.stream[0] == KIND_TTY)
      input.to = input.from = -1;
    s->from = -1;
  }
  close_end(&s->from);
  s->start = s->end = 0;
  s->to = -1;
}

/* Takes what was written before the program exited; processes that still hold its pipes may write for ever. */
static void begin_drain(struct stream *s)
{
  int there = 0;
  s->draining = true;
  if (s->from >= 0 && s->from == terminal)
    s->budget = TERMINAL_DRAIN;
  else if (s->from >= 0)
    s->budget = ioctl(s->from, FIONREAD, &there) == 0 ? (uint64_t)there : 0;
}

bool is_drained(const struct stream *s)
{
  return is_empty(s) && (s->from < 0 || s->to < 0 || s->exhausted || s->budget == 0);
}

void drain_streams(void)
{
  if (input.to >= 0 || input_reader >= 0)
    input_unread = unread_in(input.to >= 0 ? input.to : input_reader);
  close_end(&input.to);
  input.from = -1;
  begin_drain(&output);
  begin_drain(&error_output);
}

void set_input_total(uint64_t total)
{
  input_total = total;
}

int64_t input_read(void)
{
  return (int64_t)input.given - input_unread;
}
