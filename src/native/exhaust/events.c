#include "events.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "object.h"

enum { FIRST_FD = 100, EPOLL_FDS = 19000 };

int make_eventfd(void)
{
  return eventfd(0, 0);
}
int make_timerfd(void)
{
  return timerfd_create(CLOCK_MONOTONIC, 0);
}

int make_signalfd(void)
{
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  return signalfd(-1, &mask, 0);
}

int make_epoll(void)
{
  return epoll_create1(0);
}

void many_descriptors(void)
{
  int event = eventfd(0, 0);
  first = epoll_create1(0);
  for (int i = EPOLL_FDS; i >= 0; i--)
    dup2(event, FIRST_FD + i);
}

int make_epoll_entry(void)
{
  struct epoll_event event = {.events = EPOLLIN};
  if (made > 0 && made % EPOLL_FDS == 0)
    first = epoll_create1(0);
  return epoll_ctl(first, EPOLL_CTL_ADD, FIRST_FD + made % EPOLL_FDS, &event);
}

int make_inotify(void)
{
  return inotify_init1(0);
}
void one_inotify(void)
{
  first = inotify_init1(0);
}
int make_watch(void)
{
  return inotify_add_watch(first, file_name(made), IN_OPEN);
}
int make_userfaultfd(void)
{
  return (int)syscall(SYS_userfaultfd, 0);
}

int make_io_uring(void)
{
  struct io_uring_params params;
  memset(&params, 0, sizeof params);
  return (int)syscall(SYS_io_uring_setup, 1, &params);
}

int make_timer(void)
{
  int timer;
  struct sigevent nothing = {.sigev_notify = SIGEV_NONE};
  return (int)syscall(SYS_timer_create, CLOCK_MONOTONIC, &nothing, &timer);
}
