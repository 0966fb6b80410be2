#include "loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

static int epoll_fd = -1;

bool open_loop(void)
{
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  return epoll_fd >= 0;
}

void watch_for_step(int fd, enum tag tag, int index)
{
  uint64_t data = (uint64_t)index << 40 | (uint64_t)tag << 32 | (uint32_t)fd;
  struct epoll_event e = {.events = EPOLLIN, .data.u64 = data};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

void watch(int fd, enum tag tag)
{
  watch_for_step(fd, tag, 0);
}

void unwatch(int fd)
{
  epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
  close(fd);
}

int wait_for_ready(struct ready *ready, int most, int timeout)
{
  struct epoll_event events[8];
  int n = epoll_wait(epoll_fd, events, most < 8 ? most : 8, timeout);
  for (int i = 0; i < n; i++) {
    uint64_t data = events[i].data.u64;
    ready[i] = (struct ready){.tag = (enum tag)(data >> 32 & 0xff),
                              .fd = (int)(uint32_t)data,
                              .step = (int)(data >> 40),
                              .events = events[i].events};
  }
  return n;
}
