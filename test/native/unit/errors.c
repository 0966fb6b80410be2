/* Which errno a denied call gets. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ipc.h>
#include <linux/magic.h>
#include <linux/net.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "../../../src/native/helper/errors.h"
#include "tap.h"

static struct seccomp_notif notification;
static struct call call;

static int error_for(uint64_t a, uint64_t b, uint64_t c)
{
  struct request request = {.notification = &notification, .call = &call};
  notification = (struct seccomp_notif){.pid = (uint32_t)getpid(), .data.args = {a, b, c}};
  return errno_of(&request);
}

static uint64_t pointer(const void *p)
{
  return (uint64_t)(uintptr_t)p;
}

static void test_sockets(void)
{
  call = (struct call){.error = ENFILE, .tcp_error = ENOBUFS};
  check_number(error_for(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ENOBUFS, "errors: a TCP socket");
  check_number(error_for(AF_INET, SOCK_DGRAM, 0), ENFILE, "errors: a UDP socket");
  check_number(error_for(AF_UNIX, SOCK_STREAM, 0), ENFILE, "errors: a socket of this machine");
  uint32_t words[] = {AF_INET6, SOCK_STREAM};
  call.role = ROLE_SOCKETCALL;
  check_number(error_for(SYS_SOCKET, pointer(words), 0), ENOBUFS, "errors: a TCP socket by socketcall");
  check_number(error_for(SYS_BIND, pointer(words), 0), ENFILE, "errors: socketcall for another call");
  check_number(error_for(SYS_SOCKET, 8, 0), ENFILE, "errors: socketcall without its arguments");
}

static bool is_tmpfs(const char *path)
{
  struct statfs fs;
  return statfs(path, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static void test_files(void)
{
  struct open_how how = {.flags = O_CREAT};
  bool shm = is_tmpfs("/dev/shm"), root = is_tmpfs("/");
  int expected = shm ? ENOSPC : ENOMEM, elsewhere = root ? ENOSPC : ENOMEM;
  call = (struct call){.error = ENOMEM, .check = CHECK_TMPFS, .detail = DETAIL_PATH};
  check_number(error_for(pointer("/dev/shm/kmem-unit"), 0700, 0), expected, "errors: mkdir on tmpfs");
  check_number(error_for(pointer("/kmem-unit"), 0700, 0), elsewhere, "errors: mkdir elsewhere");
  call.role = ROLE_OPEN;
  check_number(error_for(pointer("/dev/shm/kmem-unit"), O_RDWR | O_CREAT, 0), expected,
               "errors: open that makes a file");
  check_number(error_for(pointer("/dev/shm/kmem-unit"), O_RDWR, 0), ENOMEM, "errors: open that makes none");
  check_number(error_for(pointer("/dev/null"), O_RDWR | O_CREAT, 0), ENOMEM, "errors: a file that is there");
  call.role = ROLE_CREAT;
  check_number(error_for(pointer("/dev/shm/kmem-unit"), 0600, 0), expected, "errors: creat");
  int directory = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  call = (struct call){
      .error = ENOMEM, .check = CHECK_TMPFS, .detail = DETAIL_PATH_AT, .detail_arg = 1, .role = ROLE_OPEN};
  check_number(error_for((uint64_t)directory, pointer("kmem-unit"), O_CREAT), expected,
               "errors: openat, in a directory");
  check_number(error_for((uint64_t)AT_FDCWD, pointer("/kmem-unit"), O_CREAT), elsewhere,
               "errors: openat, a whole path");
  call.role = ROLE_OPEN2;
  check_number(error_for((uint64_t)directory, pointer("kmem-unit"), pointer(&how)), expected, "errors: openat2");
  check_number(error_for((uint64_t)directory, pointer("kmem-unit"), 8), ENOMEM, "errors: openat2 without its flags");
  check_number(error_for((uint64_t)directory, 8, O_CREAT), ENOMEM, "errors: a path that cannot be read");
  close(directory);
}

static void test_table(void)
{
  struct request request = {.notification = &notification, .call = &call, .table_denied = true};
  call = (struct call){.error = ENFILE};
  check_number(errno_of(&request), ENOMEM, "errors: the table of descriptors");
  call = (struct call){.error = EPERM, .action = REFUSE};
  check_number(errno_of(&request), EPERM, "errors: a call that is refused always");
}

void test_errors(void)
{
  test_sockets();
  test_files();
  test_table();
  call = (struct call){.error = ENOMEM, .check = CHECK_IPC};
  check_number(error_for(SHMGET | 1 << 16, 0, 0), ENOSPC, "errors: i386's ipc, for shmget");
  check_number(error_for(MSGGET, 0, 0), ENOMEM, "errors: i386's ipc, for another one");
}
