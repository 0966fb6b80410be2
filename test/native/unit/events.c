/* The queue of events, and messages between processes. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../src/native/common/event.h"
#include "../../../src/native/helper/events.h"
#include "../../../src/native/helper/failures.h"
#include "../../../src/native/helper/message.h"
#include "tap.h"

static bool add_event(size_t room)
{
  event("failure");
  field_string("comm", "x");
  field_number("errno", 12);
  return event_end(room);
}

static void test_queue(void)
{
  allocate_queue();
  check(!has_backlog(), "events: nothing waits");
  check(add_event(QUEUE_SOFT) && has_backlog(), "events: one waits");
  long long added = 1;
  while (add_event(QUEUE_SOFT))
    added++;
  check_number(added, QUEUE_SOFT / (long long)strlen("{\"event\":\"failure\",\"comm\":\"x\",\"errno\":12}\n"),
               "events: as many as there is room for");
  check_number((long long)dropped_events(), 1, "events: one was dropped");
  check(add_event(QUEUE_HARD), "events: what matters more has more room");
  static char path[200000];
  memset(path, 'x', sizeof path - 1);
  event("failure");
  field_string("exe", path);
  check(!event_end(QUEUE_HARD) && dropped_events() == 2, "events: one that is too long is dropped whole");
}

static void test_messages(void)
{
  int pair[2], fd = -1;
  char text[8] = "";
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
    check(false, "messages: a pair");
    return;
  }
  check(send_message(pair[0], "one", 3, -1) && receive_message(pair[1], text, sizeof text, &fd, 0) == 3 && fd == -1,
        "messages: one without a descriptor");
  check(send_message(pair[0], "two", 3, STDOUT_FILENO) && receive_message(pair[1], text, sizeof text, &fd, 0) == 3 &&
            fd > 2,
        "messages: one with a descriptor");
  check((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "messages: which a program that is started does not get");
  close(fd);
  close(pair[0]);
  check_number(receive_message(pair[1], text, sizeof text, &fd, 0), 0, "messages: the other end is closed");
  close(pair[1]);
}

void test_events(void)
{
  test_queue();
  test_messages();
  check_number((long long)failure_tally()->denials, 0, "failures: none has been counted");
}
