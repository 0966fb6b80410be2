#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "counter.h"
#include "object.h"
#include "processes.h"

static long long most_descriptors;

static int tables;
static int (*copy_to)(int fd);
static int dup_to(int fd)
{
  return dup2(0, fd);
}
static int fcntl_to(int fd)
{
  return fcntl(0, F_DUPFD, fd);
}

static int take_full_table(void)
{
  int last = (int)most_descriptors - 1;
  if (last > 1 << 16)
    return 0;
  return copy_to(last) < 0 ? -1 : close(last);
}

static int passing[2];

static void open_passing(void)
{
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, passing) < 0)
    passing[0] = passing[1] = -1;
}

static void begin_table(int (*copy)(int fd))
{
  copy_to = copy;
  map_stacks();
  take_full_table();
  open_passing();
}

/*
 * Makes many copies at once by sending descriptors to itself: a table of 262,144 would take minutes under a gate that
 * checks each one.  The last copies before the table must grow are made one by one.
 */
static int copy_many(int last)
{
  enum { AT_ONCE = 253 }; /* unix(7), SCM_MAX_FD */
  static int zeros[AT_ONCE];
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof zeros)];
  } control = {.header = {CMSG_LEN(sizeof zeros), SOL_SOCKET, SCM_RIGHTS}};
  char byte = 0;
  struct iovec data = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  long long next = last + 1, full = 64;
  while (full < next)
    full *= 2;
  if (full > most_descriptors)
    full = most_descriptors;
  if (passing[0] < 0 || full - next <= 2 * AT_ONCE)
    return 0;
  memcpy(CMSG_DATA(&control.header), zeros, sizeof zeros);
  if (sendmsg(passing[0], &message, 0) < 0 || recvmsg(passing[1], &message, 0) < 0)
    return 0;
  return message.msg_flags & MSG_CTRUNC ? 0 : AT_ONCE;
}

void begin_dup_table(void)
{
  begin_table(dup_to);
}
void begin_fcntl_table(void)
{
  begin_table(fcntl_to);
}

static int begin_next_table(void)
{
  number[tables] = clone(wait_for_ever, region + (tables + 1) * PAGE, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
  if (number[tables] < 0) {
    perror("clone");
    exit(2);
  }
  tables++;
  close_range((unsigned)last_counter_fd() + 1, ~0u, CLOSE_RANGE_UNSHARE);
  for (int i = 0; i < 2; i++)
    close(passing[i]);
  open_passing();
  return take_full_table();
}

void end_table(int i)
{
  if (i < tables)
    end_fork(i);
}

static int make_descriptor(int (*make)(void))
{
  static int last;
  if (last > 0) {
    int copies = copy_many(last);
    made += copies;
    last += copies;
  }
  int fd = last = make();
  if (fd >= 8191 && (fd & (fd + 1)) == 0)
    usleep(SETTLE_US); /* the next one may make the table grow */
  if (fd >= 0 || errno != EMFILE)
    return fd;
  return begin_next_table() < 0 ? -1 : (last = make());
}

static int dup_one(void)
{
  return dup(0);
}
static int fcntl_one(void)
{
  return fcntl_to(0);
}
int make_dup(void)
{
  return make_descriptor(dup_one);
}
int make_fcntl(void)
{
  return make_descriptor(fcntl_one);
}

/* Grown before the first object: otherwise the number would depend on when outgrown tables are freed. */
static void table_for(int count)
{
  dup2(0, count);
  close(count);
}

void small_table(void)
{
  table_for(2000);
}
void large_table(void)
{
  table_for(12000);
}
void largest_table(void)
{
  table_for(19900);
}

static long long raise_limit(int resource, rlim_t value)
{
  struct rlimit limit;
  getrlimit(resource, &limit);
  struct rlimit raised = {value, value}, highest = {limit.rlim_max, limit.rlim_max};
  if (setrlimit(resource, &raised) == 0)
    return (long long)value;
  setrlimit(resource, &highest); /* raising the hard limit takes CAP_SYS_RESOURCE */
  return (long long)limit.rlim_max;
}

void raise_limits(void)
{
  most_descriptors = raise_limit(RLIMIT_NOFILE, 1 << 20);
  raise_limit(RLIMIT_MSGQUEUE, RLIM_INFINITY);
  raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
  raise_limit(RLIMIT_NPROC, RLIM_INFINITY);
  raise_limit(RLIMIT_SIGPENDING, RLIM_INFINITY);
}
