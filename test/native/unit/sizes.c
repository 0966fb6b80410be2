/* How much calls charge according to the sizes in their arguments: for this process, and for a child that waits. */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/native/common/clock.h"
#include "../../../src/native/helper/approvals.h"
#include "../../../src/native/helper/proc.h"
#include "../../../src/native/helper/sizes.h"
#include "tap.h"

enum { PAGE = 4096, SPAN = 2 << 20 };

static struct seccomp_notif notification;
static struct call call;
static const struct request request = {.notification = &notification, .call = &call};

static int64_t size_with(enum size size, const uint64_t *args)
{
  call.size = size;
  memcpy(notification.data.args, args, sizeof notification.data.args);
  return size_at_most(&request);
}

static uint64_t pointer(const void *p)
{
  return (uint64_t)(uintptr_t)p;
}

static void test_scaled(void)
{
  call = (struct call){.size_arg = 1, .factor = 64, .divisor = 1};
  check_number(size_with(SIZE_ARGUMENT, (uint64_t[6]){0, 100}), 6400, "sizes: an argument by its factor");
  check_number(size_with(SIZE_POWER, (uint64_t[6]){0, 32000}), 2 << 20, "sizes: up to the next power of two");
  check_number(size_with(SIZE_POWER, (uint64_t[6]){0, 32}), 2048, "sizes: which it may be already");
  check_number(size_with(SIZE_ARGUMENT, (uint64_t[6]){0, 0x700000001}), 64,
               "sizes: of an int the upper half is nothing");
  call = (struct call){.size_arg = 2, .factor = 40, .divisor = 4096};
  check_number(size_with(SIZE_POWER, (uint64_t[6]){0, 0, 1 << 20}), 16384, "sizes: by a divisor");
}

static void test_memory(void)
{
  struct {
    uint32_t type, key_size, value_size, max_entries, flags;
  } map = {BPF_MAP_TYPE_ARRAY, 4, 4092, 500, 0};
  uint64_t args[6] = {0, pointer(&map)};
  check_number(size_with(SIZE_BPF_MAP, args), 500 * 4096, "sizes: an array of a map");
  map.type = BPF_MAP_TYPE_HASH, map.key_size = map.value_size = 8, map.max_entries = 10000;
  check_number(size_with(SIZE_BPF_MAP, args), 10000 * 64 + 16384 * 16, "sizes: a hash");
  map.flags = BPF_F_NO_PREALLOC;
  check_number(size_with(SIZE_BPF_MAP, args), 16384 * 16, "sizes: a hash whose entries are made later");
  map.type = 10000;
  check_number(size_with(SIZE_BPF_MAP, args), 0, "sizes: a map that nobody knows");
  map = (typeof(map)){BPF_MAP_TYPE_PERCPU_HASH, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0};
  check(size_with(SIZE_BPF_MAP, args) > 1ll << 50, "sizes: the largest numbers are a large size");
  struct sock_fprog program = {1000, NULL};
  call = (struct call){.size_arg = 2, .factor = 24, .divisor = 1};
  check_number(size_with(SIZE_FILTER, (uint64_t[6]){1, 0, pointer(&program)}), 24000, "sizes: a filter's instructions");
  check_number(size_with(SIZE_FILTER, (uint64_t[6]){1, 0, 1}), 0, "sizes: memory that is not there");
  uint64_t attribute[2] = {0, 60000};
  call = (struct call){.size_arg = 4, .factor = 1, .divisor = 1};
  check_number(size_with(SIZE_XATTR, (uint64_t[6]){0, 0, 0, 0, pointer(attribute)}), 65536,
               "sizes: an attribute's value");
}

static void test_mappings(void)
{
  enum { FLAGS = MAP_PRIVATE | MAP_ANONYMOUS };
  uint64_t args[6] = {0, 8 * SPAN, PROT_READ, FLAGS | MAP_POPULATE};
  check_number(size_with(SIZE_MAPPING, args), 8 * PAGE, "sizes: a mapping that is filled");
  args[3] = FLAGS | MAP_LOCKED;
  check_number(size_with(SIZE_MAPPING, args), 8 * PAGE, "sizes: one that is locked");
  args[3] = FLAGS;
  check_number(size_with(SIZE_MAPPING, args), 0, "sizes: one that is not filled");
  args[3] = FLAGS | MAP_POPULATE | MAP_HUGETLB;
  check_number(size_with(SIZE_MAPPING, args), 0, "sizes: large pages have no tables");
  args[3] = FLAGS | MAP_POPULATE, args[2] = PROT_NONE;
  check_number(size_with(SIZE_MAPPING, args), 0, "sizes: pages that nobody may touch");
  args[1] = UINT64_MAX, args[2] = PROT_READ;
  check(size_with(SIZE_MAPPING, args) > 1ll << 50, "sizes: all of the address space");
  check_number(size_with(SIZE_MOVE, (uint64_t[6]){SPAN, 4 * SPAN, 0, MREMAP_FIXED, 9 * SPAN}), 0,
               "sizes: tables move with a mapping");
  check_number(size_with(SIZE_MOVE, (uint64_t[6]){SPAN, 4 * SPAN, 0, MREMAP_FIXED, 9 * SPAN + PAGE}), 4 * PAGE,
               "sizes: if both places lie alike");
}

static void test_ranges(void)
{
  char *region = mmap(NULL, 6 * SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *start = region + SPAN - pointer(region) % SPAN;
  madvise(region, 6 * SPAN, MADV_NOHUGEPAGE);
  start[SPAN] = 1;
  mprotect(start + 3 * SPAN, SPAN, PROT_NONE);
  uint64_t args[6] = {pointer(start), 4 * SPAN};
  check_number(size_with(SIZE_RANGE, args), 4 * PAGE, "sizes: a range at most");
  check_number(size_without_tables(&request, 1 << 20), 2 * PAGE,
               "sizes: without the tables that are there, and pages that nobody may touch");
  check_number(size_without_tables(&request, PAGE), 2 * PAGE, "sizes: no further than enough");
  size_with(SIZE_ALL, args);
  check_number(size_without_tables(&request, 0), PAGE, "sizes: of all mappings");
  munmap(region, 6 * SPAN);
}

static void wait_until_it_pauses(pid_t child)
{
  char text[128] = "";
  while (read_proc(child, "syscall", text, sizeof text) && atoi(text) != SYS_pause)
    sleep_ms(1);
}

static void test_held(void)
{
#ifdef SYS_pause
  pid_t child = fork();
  if (child == 0)
    for (;;)
      syscall(SYS_pause);
  wait_until_it_pauses(child);
  notification.pid = (uint32_t)child;
  notification.data.nr = SYS_pause;
  hold_call(&request, PAGE);
  struct seccomp_notif another = {.pid = 1};
  const struct request other = {.notification = &another, .call = &call};
  check(!drop_finished(&other) && approved_room() == PAGE, "approvals: a call that a task is in is held");
  drop_approval(child);
  notification.data.nr = SYS_clone;
  hold_call(&request, PAGE);
  check(drop_finished(&other) && approved_room() == 0, "approvals: one that it has left is not");
  notification.pid = (uint32_t)child;
  notification.data.nr = SYS_pause;
  hold_call(&request, PAGE);
  hold_exec(&request);
  check(!drop_finished(&other), "approvals: nor is a program that is about to start");
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  check(drop_finished(&other) && approved_room() == 0, "approvals: neither is that of a task that is gone");
  notification.pid = (uint32_t)getppid();
  notification.data.nr = SYS_clone;
  hold_call(&request, PAGE);
  another.pid = (uint32_t)getpid();
  check(drop_finished(&other) && approved_room() == 0, "approvals: a fork is over when its child speaks");
#endif
}

static volatile bool is_spinning;

static void test_expected(void)
{
  pid_t parent = fork();
  while (parent == 0)
    is_spinning = true;
  struct seccomp_notif another = {.pid = 1};
  const struct request other = {.notification = &another, .call = &call};
  notification.pid = (uint32_t)parent;
  notification.data.nr = SYS_clone;
  hold_call(&request, PAGE);
  expect_child(parent);
  int64_t one = expected_room();
  expect_child(parent);
  check(one > 0 && expected_room() == 2 * one, "approvals: each child that is forked is expected");
  check(drop_finished(&other) && expected_room() == one,
        "approvals: before its fork is over the youngest is not there");
  drop_approval(parent);
  check(expected_room() == one, "approvals: which the next call of the parent does not say");
  check(drop_finished(&other) && expected_room() == 0, "approvals: none that is about to start");
  kill(parent, SIGKILL);
  waitpid(parent, NULL, 0);
}

void test_sizes(void)
{
  notification.pid = (uint32_t)getpid();
  test_scaled();
  test_memory();
  test_mappings();
  test_ranges();
  test_held();
  test_expected();
}
