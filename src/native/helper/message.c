#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

bool send_message(int sock, const void *data, size_t size, int fd)
{
  struct iovec iov = {(void *)(uintptr_t)data, size};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (fd >= 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.space;
    message.msg_controllen = sizeof control.space;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  ssize_t n;
  do
    n = sendmsg(sock, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == (ssize_t)size;
}

ssize_t receive_message(int sock, void *data, size_t size, int *fd, int flags)
{
  struct iovec iov = {data, size};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
  ssize_t n;
  do
    n = recvmsg(sock, &message, MSG_CMSG_CLOEXEC | flags);
  while (n < 0 && errno == EINTR);
  if (fd != NULL)
    *fd = -1;
  if (n > 0)
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c))
      if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && fd != NULL)
        memcpy(fd, CMSG_DATA(c), sizeof *fd);
  return n;
}

void close_others(int first, int second)
{
  int low = first < second ? first : second, high = first < second ? second : first;
  if (low > 3)
    close_range(3, (unsigned)low - 1, 0);
  if (low >= 3 && high > low + 1)
    close_range((unsigned)low + 1, (unsigned)high - 1, 0);
  close_range((unsigned)(high < 3 ? 3 : high + 1), ~0u, 0);
}

void silence_stdio(void)
{
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2 && null >= 0; fd++)
    dup2(null, fd);
}
