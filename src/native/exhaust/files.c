#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "object.h"

enum { FREED_EVERY = 256 }; /* names; 1 MiB has room for 5,000 */

int make_tcp(void)
{
  return socket(AF_INET, SOCK_STREAM, 0);
}
int make_udp(void)
{
  return socket(AF_INET, SOCK_DGRAM, 0);
}
int make_unix(void)
{
  return socket(AF_UNIX, SOCK_STREAM, 0);
}

int make_socketpair(void)
{
  int pair[2];
  return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

int make_pipe(void)
{
  int pair[2];
  return pipe(pair);
}

int make_open(void)
{
  return open("/dev/null", O_RDONLY);
}

/*
 * Closed files and forgotten names are freed after a grace period of RCU.  Waits for that now and then: otherwise
 * timing would decide how many of them are still charged when the kernel refuses the first one.
 */
static void await_frees(int every)
{
  if (made % every != every - 1)
    return;
  syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
  usleep(1000);
}

int make_creat(void)
{
  await_frees(32);
  int fd = creat(file_name(made), 0600);
  return fd < 0 ? fd : close(fd);
}

void end_name(int i)
{
  unlink(file_name(i));
}
int make_mkdir(void)
{
  return mkdir(file_name(made), 0700);
}
void end_mkdir(int i)
{
  rmdir(file_name(i));
}
void one_file(void)
{
  close(creat("file", 0600));
}
int make_link(void)
{
  return link("file", file_name(made));
}
int make_symlink(void)
{
  return symlink("nowhere", file_name(made));
}
int make_memfd(void)
{
  return memfd_create("exhaust", 0);
}

void first_name(void)
{
  close(creat(file_name(0), 0600));
}

int make_rename(void)
{
  await_frees(FREED_EVERY);
  char from[32];
  strcpy(from, file_name(made));
  return rename(from, file_name(made + 1));
}

void end_rename(int i)
{
  if (i == 0)
    unlink(file_name(made));
}

static int expect_absent(int result)
{
  return result < 0 && errno == ENOENT ? 0 : -1;
}

int make_stat(void)
{
  await_frees(FREED_EVERY);
  struct stat status;
  return expect_absent(stat(file_name(made), &status));
}

int make_access(void)
{
  await_frees(FREED_EVERY);
  return expect_absent(access(file_name(made), F_OK));
}

int make_readlink(void)
{
  await_frees(FREED_EVERY);
  char target[8];
  return expect_absent((int)readlink(file_name(made), target, sizeof target));
}

void one_lockable(void)
{
  first = open("file", O_RDWR | O_CREAT, 0600);
}

int make_lock(void)
{
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2 * made, .l_len = 1};
  return fcntl(first, F_SETLK, &lock);
}

int make_files(int count)
{
  for (int i = 0; i < count; i++)
    if (close(creat(file_name(i), 0600)) < 0)
      return 1;
  return 0;
}

void remove_file(void)
{
  unlink("file");
}
