/* What calls were about, read from this process's own memory. */
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../src/native/helper/describe.h"
#include "tap.h"

static const char *about(enum detail detail, int argument, enum role role, const uint64_t *args)
{
  static char text[4096];
  struct call call = {.detail = detail, .detail_arg = argument, .role = role};
  return describe(&call, getpid(), args, text, sizeof text);
}

static uint64_t pointer(const void *p)
{
  return (uint64_t)(uintptr_t)p;
}

static void test_addresses(void)
{
  struct sockaddr_un path = {AF_UNIX, "/run/x"}, abstract = {AF_UNIX, "\0name"};
  struct sockaddr_in ip = {.sin_family = AF_INET};
  sa_family_t unknown = 99;
  check_text(about(DETAIL_ADDRESS, 0, ROLE_CONNECT, (uint64_t[6]){3, pointer(&path), sizeof path}), "AF_UNIX /run/x",
             "describe: a socket's path");
  check_text(about(DETAIL_ADDRESS, 0, ROLE_CONNECT, (uint64_t[6]){3, pointer(&abstract), 7}), "AF_UNIX @name",
             "describe: an abstract name");
  check_text(about(DETAIL_ADDRESS, 0, ROLE_CONNECT, (uint64_t[6]){3, pointer(&ip), sizeof ip}), "AF_INET",
             "describe: an address of the internet");
  check_text(about(DETAIL_ADDRESS, 0, ROLE_CONNECT, (uint64_t[6]){3, pointer(&unknown), 2}), "address",
             "describe: a family without a name");
  check_text(about(DETAIL_ADDRESS, 0, ROLE_CONNECT, (uint64_t[6]){3, pointer(&path), 1}), NULL,
             "describe: an address that is too short");
}

static void test_clones(void)
{
  struct clone_args args = {.flags = CLONE_THREAD | CLONE_VM};
  check_text(about(DETAIL_CLONE, 0, ROLE_NONE, (uint64_t[6]){CLONE_VM}), "process", "describe: fork has no flags");
  check_text(about(DETAIL_CLONE, 0, ROLE_CLONE, (uint64_t[6]){CLONE_VM | CLONE_VFORK}), "process CLONE_VM CLONE_VFORK",
             "describe: clone's flags");
  check_text(about(DETAIL_CLONE, 0, ROLE_CLONE, (uint64_t[6]){CLONE_NEWNET | CLONE_NEWUSER}),
             "process CLONE_NEWUSER CLONE_NEWNET", "describe: namespaces");
  check_text(about(DETAIL_CLONE, 0, ROLE_CLONE3, (uint64_t[6]){pointer(&args)}), "thread CLONE_VM",
             "describe: clone3's flags, from memory");
  check_text(about(DETAIL_CLONE, 0, ROLE_VFORK, (uint64_t[6]){0}), "process CLONE_VM CLONE_VFORK", "describe: vfork");
}

static void test_mappings(void)
{
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  uint64_t file[6] = {0, 8192, PROT_READ, MAP_PRIVATE, (uint64_t)fd};
  uint64_t anonymous[6] = {0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)fd};
  uint64_t closed[6] = {0, 8192, PROT_READ, MAP_PRIVATE, 99999};
  check_text(about(DETAIL_MMAP, 0, ROLE_NONE, file), "/dev/null", "describe: a file's mapping");
  check_text(about(DETAIL_MMAP, 0, ROLE_NONE, anonymous), "8192 bytes", "describe: anonymous memory");
  check_text(about(DETAIL_MMAP, 0, ROLE_NONE, closed), "8192 bytes", "describe: a file that is not open");
  close(fd);
}

void test_describe(void)
{
  const char *long_path = "/a/file";
  check_text(about(DETAIL_NONE, 0, ROLE_NONE, (uint64_t[6]){0}), NULL, "describe: nothing");
  check_text(about(DETAIL_PATH, 1, ROLE_NONE, (uint64_t[6]){0, pointer(long_path)}), "/a/file", "describe: a path");
  check_text(about(DETAIL_PATH_AT, 1, ROLE_NONE, (uint64_t[6]){0, pointer("f")}), "f", "describe: a relative one");
  check_text(about(DETAIL_PATH, 0, ROLE_NONE, (uint64_t[6]){8}), NULL, "describe: memory that is not there");
  check_text(about(DETAIL_SIZE, 2, ROLE_NONE, (uint64_t[6]){0, 0, 4096}), "4096 bytes", "describe: a size");
  check_text(about(DETAIL_FD, 0, ROLE_NONE, (uint64_t[6]){7}), "fd 7", "describe: a descriptor");
  check_text(about(DETAIL_SOCKET, 0, ROLE_NONE, (uint64_t[6]){AF_INET6, SOCK_STREAM | SOCK_CLOEXEC}),
             "AF_INET6 SOCK_STREAM", "describe: a socket");
  check_text(about(DETAIL_SOCKET, 0, ROLE_NONE, (uint64_t[6]){44, 9}), "AF_44 SOCK_?", "describe: an unknown one");
  test_addresses();
  test_clones();
  test_mappings();
}
