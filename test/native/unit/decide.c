/* The decision, for calls of this process. */
#include <fcntl.h>
#include <linux/ipc.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/native/common/file.h"
#include "../../../src/native/helper/config.h"
#include "../../../src/native/helper/decide.h"
#include "../../../src/native/helper/tables.h"
#include "tap.h"
#include <stdbool.h>

enum { PAGE = 4096, LIMIT = 1 << 20 };

static struct seccomp_notif notification;
static struct call call;
static struct request request = {.notification = &notification, .call = &call};

static bool denies(int64_t usage)
{
  return over_limit(&request, usage);
}

static void test_room(void)
{
  call = (struct call){.need = PAGE, .named = -1};
  config.limit = -1;
  check(!denies(LIMIT), "decide: without a limit nothing is denied");
  config.limit = LIMIT;
  check(!denies(-1), "decide: a usage that is unknown denies nothing");
  check(!denies(LIMIT - PAGE), "decide: what fits exactly");
  check(denies(LIMIT - PAGE + 1), "decide: a byte too much");
  config.reserve = PAGE;
  check(denies(LIMIT - PAGE), "decide: the reserve is no room");
  config.reserve = 0;
}

static void test_threads(void)
{
  call = (struct call){.need = 16 * PAGE, .need_thread = 4 * PAGE, .role = ROLE_CLONE, .named = -1};
  call.detail = DETAIL_CLONE;
  notification.data.args[0] = 0;
  check(denies(LIMIT - 8 * PAGE), "decide: a process needs more");
  notification.data.args[0] = CLONE_VM;
  check(!denies(LIMIT - 8 * PAGE), "decide: than a thread");
  notification.data.args[0] = 0;
  drop_approval(notification.pid);
}

static volatile bool is_spinning;

static void test_approvals(void)
{
  pid_t task = fork();
  while (task == 0)
    is_spinning = true;
  struct call exec = {.need = 8 * PAGE};
  struct seccomp_notif of_exec = {.pid = (uint32_t)task};
  const struct request executes = {.notification = &of_exec, .call = &exec};
  call = (struct call){.need = PAGE, .named = -1};
  hold_exec(&executes);
  check(denies(LIMIT - 8 * PAGE), "decide: what was let through and is not charged yet is no room");
  drop_approval(1);
  check(denies(LIMIT - 8 * PAGE), "decide: another task's call changes nothing");
  drop_approval(task);
  check(!denies(LIMIT - 8 * PAGE), "decide: the task's next call does");
  exec.need = 16;
  for (int i = 0; i < 2000; i++)
    hold_exec(&executes);
  check(denies(LIMIT - 5 * PAGE + 1) && !denies(LIMIT - 5 * PAGE), "decide: there is room for 1,024 approvals");
  drop_approval(task);
  kill(task, SIGKILL);
  waitpid(task, NULL, 0);
}

static void test_splits(void)
{
  char *region = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(region + 2 * PAGE, 4 * PAGE, PROT_READ);
  call = (struct call){.need = PAGE, .check = CHECK_SPLIT, .named = -1};
  notification.data.args[0] = (uint64_t)(uintptr_t)region + 2 * PAGE;
  notification.data.args[1] = 4 * PAGE;
  check(!denies(LIMIT), "decide: a whole mapping is not split");
  notification.data.args[1] = PAGE;
  check(denies(LIMIT), "decide: a part of it is");
  notification.data.args[1] = 4 * PAGE - 100;
  check(!denies(LIMIT), "decide: lengths are rounded up to the page");
  munmap(region, 8 * PAGE);
}

static void test_ipc(void)
{
  call = (struct call){.need = PAGE, .check = CHECK_IPC, .named = -1};
  notification.data.args[0] = SEMGET | 1 << 16;
  check(denies(LIMIT), "decide: i386's ipc, for semget of any version");
  notification.data.args[0] = SEMCTL;
  check(!denies(LIMIT), "decide: i386's ipc, for what allocates nothing");
  notification.data.args[0] = 0;
}

/* For this process; 0 if unknown. */
static int table_size(void)
{
  char text[4096];
  const char *size = read_file("/proc/self/status", text, sizeof text) > 0 ? strstr(text, "\nFDSize:") : NULL;
  return size ? atoi(size + 8) : 0;
}

static int64_t bytes_of_table(int64_t descriptors)
{
  return descriptors * 8 + descriptors / 4;
}

/* Another process, because reading one's own table enlarges it: full except for `left`.  0: it has reported no size. */
static pid_t start_with_table(int left, int *size)
{
  int report[2];
  if (pipe(report) < 0)
    return -1;
  pid_t child = fork();
  if (child == 0) {
    *size = table_size();
    for (int fd = 0; fd >= 0 && fd < *size - 1;)
      fd = dup(STDOUT_FILENO);
    for (int i = 0; i < left; i++)
      close(*size - 1 - i);
    _exit(write(report[1], size, sizeof *size) == sizeof *size ? pause() : 1);
  }
  close(report[1]);
  if (read(report[0], size, sizeof *size) != sizeof *size)
    *size = 0;
  close(report[0]);
  notification.pid = (uint32_t)child;
  return child;
}

static void end(pid_t child)
{
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  notification.pid = (uint32_t)getpid();
}

/* The limit is near; otherwise nothing is checked. */
static void test_full_table(void)
{
  int size;
  pid_t child = start_with_table(0, &size);
  call = (struct call){.need = PAGE, .check = CHECK_FDTABLE, .creates = 1, .named = -1};
  check_number(table_growth(&request, 0, LIMIT), 0, "tables: far from the limit nobody looks");
  check_number(table_growth(&request, LIMIT, 0), bytes_of_table(2 * size), "tables: a full one doubles");
  check(denies(LIMIT) && request.table_denied, "decide: for which there is no room");
  call.check = CHECK_NONE;
  check(denies(LIMIT) && request.table_denied, "decide: also for what makes more than a descriptor");
  call.creates = 0;
  check(denies(LIMIT) && !request.table_denied, "decide: a call that returns none is denied for itself");
  end(child);
}

static void test_one_left(void)
{
  int size;
  pid_t child = start_with_table(1, &size);
  call = (struct call){.need = PAGE, .creates = 2, .named = -1};
  check_number(table_growth(&request, LIMIT, 0), bytes_of_table(2 * size), "tables: two do not fit where one does");
  call = (struct call){.need = PAGE, .check = CHECK_FDTABLE, .creates = 1, .named = -1};
  check_number(table_growth(&request, LIMIT, 0), 0, "tables: where one does");
  check(!denies(LIMIT) && !request.table_denied, "decide: which is not denied");
  end(child);
}

static void test_named(void)
{
  int size;
  pid_t child = start_with_table(0, &size);
  call = (struct call){.need = PAGE, .check = CHECK_FDTABLE, .creates = 1, .named = 1, .exact = true};
  notification.data.args[1] = 10;
  check_number(table_growth(&request, LIMIT, 0), 0, "tables: dup2 onto one that is there");
  notification.data.args[1] = (uint64_t)(2 * size - 1);
  check_number(table_growth(&request, LIMIT, 0), bytes_of_table(2 * size), "tables: dup2 onto one beyond");
  notification.data.args[1] = UINT32_MAX;
  check_number(table_growth(&request, LIMIT, 0), 0, "tables: beyond what the process may have, nothing grows");
  notification.data.args[1] = 0;
  end(child);
}

void test_decide(void)
{
  notification.pid = (uint32_t)getpid();
  test_room();
  test_threads();
  test_approvals();
  test_splits();
  test_ipc();
  test_full_table();
  test_one_left();
  test_named();
  config = (struct config){.limit = -1};
}
