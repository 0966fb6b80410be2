#include "keeper.h"

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../bpf/shared.h"
#include "btf.h"
#include "embedded.h"
#include "object.h"
#include "object_load.h"
#include "probes.h"
#include "trials.h"
#include "watched.h"

enum { LOAN = 512 };

static struct object watched, calls;

/* In a microVM our file is gone with the run that started us: its file system could not be unmounted. */
static void leave_file(char **argv)
{
  char path[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  int file = n > 0 && strncmp(path, "/memfd:", 7) != 0 ? open("/proc/self/exe", O_RDONLY | O_CLOEXEC) : -1;
  int copy = file < 0 ? -1 : memfd_create("kmem-helper", MFD_CLOEXEC);
  struct stat status;
  if (copy >= 0 && fstat(file, &status) == 0 && sendfile(copy, file, NULL, (size_t)status.st_size) == status.st_size)
    fexecve(copy, argv, environ);
  if (copy >= 0)
    close(copy);
  if (file >= 0)
    close(file);
}

static void watch_nobody(void)
{
  /* It has no tasks, which is detected at once. */
  *(struct watched_group *)object_variable(&watched, "group") =
      (struct watched_group){.css = 1, .cgroup = 1, .level = INT_MAX};
  ((struct fault_config *)object_variable(&watched, "config"))->limit = NO_LIMIT;
  *(struct enforce_config *)object_variable(&watched, "enforce") = (struct enforce_config){.limit = NO_LIMIT};
  /* Nor is any task a descendant; otherwise all descend from the kernel's task 0. */
  *(struct move_config *)object_variable(&watched, "move_config") = (struct move_config){.supervisor = UINT32_MAX};
}

/* Stops at what does not load: borrowers load the rest. */
static void attach_all(bool unified)
{
  static const char *const each[] = {"tp_btf/mm_page_alloc", "tp_btf/page_fault_user",    "tp_btf/page_fault_kernel",
                                     "tp_btf/cgroup_rmdir",  "tp_btf/cgroup_attach_task", "tp_btf/task_newtask"};
  static const char *const on_v2[] = {"tp_btf/kmem_cache_alloc", "tp_btf/kmalloc", "tp_btf/sys_exit"};
  bool good = true;
  for (unsigned i = 0; good && i < sizeof each / sizeof *each; i++)
    good = load_and_attach(&watched, each[i]);
  for (unsigned i = 0; good && unified && i < sizeof on_v2 / sizeof *on_v2; i++)
    good = load_and_attach(&watched, on_v2[i]);
  if (good && unified && load_object_program(&watched, "syscall/prepare", 0) >= 0)
    load_object_program(&watched, "syscall/read", 0);
}

bool is_keeper(const char *use)
{
  return !strcmp(use, "keep") || !strcmp(use, "keep-native") || !strcmp(use, "keep-enforcing");
}

/* Returns the table of refused tasks, or -1. */
static int open_calls(bool native)
{
  if (!open_object(&calls, &refusals_image))
    return -1;
  if (!attach_calls(&calls, native)) {
    close_object(&calls);
    return -1;
  }
  return object_map(&calls, "tasks");
}

static void print_loan(bool with_calls)
{
  char text[LOAN];
  describe_loan(&watched, text, sizeof text);
  printf("{\"lent\":[\"lent-watch=%s\"", text);
  if (with_calls) {
    describe_loan(&calls, text, sizeof text);
    printf(",\"lent-calls=%s\"", text);
  }
  printf("]}\n");
  fflush(stdout);
}

int keep_attached(char **argv)
{
  leave_file(argv);
  bool enforcing = !strcmp(argv[1], "keep-enforcing"), native = !strcmp(argv[1], "keep-native");
  bool lends = argv[2] != NULL;
  struct trial trial = {0};
  char byte;
  int table = lends && (enforcing || native) ? open_calls(native) : -1;
  if (enforcing) {
    try_granularities(&watched, &trial, table);
    print_granularity(&trial);
  }
  bool unified = is_memory_unified(), with_calls = table >= 0 && (trial.works || native);
  if (!trial.works && !open_group_object(&watched, &watch_image, unified))
    return 1;
  watch_nobody();
  attach_all(unified);
  if (trial.works)
    load_object_program(&watched, "syscall/name", 0);
  forget_kernel_btf();
  if (lends)
    print_loan(with_calls);
  while (read(STDIN_FILENO, &byte, 1) > 0) {
    watch_nobody();
    if (with_calls)
      forget_group(&calls);
    print_loan(with_calls);
  }
  return 0;
}
