#include "events.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "../common/event.h"
#include "../common/json.h"
#include "../common/memory.h"

static char *queue;
static size_t queue_used, queue_sent;
static uint64_t events_dropped;

void flush_queue(void)
{
  while (queue_sent < queue_used) {
    ssize_t n = send(CONTROL_FD, queue + queue_sent, queue_used - queue_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0)
      return;
    queue_sent += (size_t)n;
  }
  queue_used = queue_sent = 0;
}

bool event_end(size_t room)
{
  const struct json *line = event_line();
  if (queue_sent > 0 && queue_used + line->used > room) {
    memmove(queue, queue + queue_sent, queue_used - queue_sent);
    queue_used -= queue_sent;
    queue_sent = 0;
  }
  if (queue_used + line->used > room || line->cut) {
    events_dropped++;
    return false;
  }
  memcpy(queue + queue_used, line->text, line->used);
  queue_used += line->used;
  return true;
}

void send_event(void)
{
  event_end(QUEUE_HARD);
  flush_queue();
}

void send_setup_error(const char *stage, int error, const char *subject)
{
  event("setup-error");
  field_string("stage", stage);
  field_number("errno", error);
  field_string("subject", subject);
  send_event();
}

void allocate_queue(void)
{
  queue = must(malloc(QUEUE_HARD));
}

bool has_backlog(void)
{
  return queue_used > queue_sent;
}

uint64_t dropped_events(void)
{
  return events_dropped;
}

void drain_queue(void)
{
  for (int tries = 0; queue_used > 0 && tries < 200; tries++) {
    struct pollfd p = {.fd = CONTROL_FD, .events = POLLOUT};
    poll(&p, 1, 10);
    flush_queue();
  }
}
