#include "readings.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bpf/shared.h"
#include "bpf.h"
#include "group.h"
#include "object.h"
#include "object_load.h"
#include "proc.h"
#include "watched.h"

enum { TRIAL_PIPES = 32, PAGE = 4096 };

static const char *const looks[] = {"tp_btf/mm_page_alloc", "tp_btf/kmem_cache_alloc", "tp_btf/kmalloc",
                                    "tp_btf/sys_exit", "tp_btf/cgroup_rmdir"};

static struct {
  struct object *object;
  struct usage_layout *layout;
  struct usage_state *state;
  int program;
} readings = {.program = -1};

static bool attach(void)
{
  readings.object = watch_programs();
  if (readings.object == NULL)
    return false;
  readings.layout = object_variable(readings.object, "layout");
  readings.state = object_variable(readings.object, "usage_state");
  ((struct fault_config *)object_variable(readings.object, "config"))->limit = NO_LIMIT;
  int prepare = load_object_program(readings.object, "syscall/prepare", 0);
  readings.program = load_object_program(readings.object, "syscall/read", 0);
  if (prepare < 0 || readings.program < 0 || !run_program(prepare))
    return false;
  for (unsigned i = 0; i < sizeof looks / sizeof *looks; i++)
    if (!load_and_attach(readings.object, looks[i]))
      return false;
  return true;
}

/* A child in the group holds some pipes while both are read. */
static bool is_right(int64_t (*read_stat)(void))
{
  int pair[2];
  char byte = 0;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    return false;
  pid_t pid = fork_in_group();
  if (pid == 0) {
    int ends[2];
    close(pair[0]);
    for (int i = 0; i < TRIAL_PIPES; i++)
      if (pipe2(ends, O_CLOEXEC) < 0)
        _exit(1);
    if (write(pair[1], "r", 1) == 1 && read(pair[1], &byte, 1) == 0)
      _exit(0);
    _exit(1);
  }
  close(pair[1]);
  bool ready = pid > 0 && read(pair[0], &byte, 1) == 1;
  int64_t by_program = ready ? read_by_program() : -1, by_stat = ready ? read_stat() : -1;
  close(pair[0]);
  if (pid > 0)
    waitpid(pid, NULL, 0);
  errno = ENOTSUP;
  return by_program > 0 && by_program == by_stat;
}

bool start_readings(int64_t (*read_stat)(void))
{
  bool started = attach() && is_right(read_stat);
  int saved = errno;
  if (!started)
    readings.program = -1;
  reset_peak_by_program();
  errno = saved;
  return started;
}

int64_t read_by_program(void)
{
  if (readings.program < 0 || !run_program(readings.program) || readings.layout->incomplete)
    return -1;
  return (int64_t)readings.state->usage;
}

/* The kernel moves the charges of a removed group a little later: the last of several corrections is right. */
enum { CORRECTIONS = 3 };

void correct_removed(int64_t (*read_stat)(void))
{
  static uint32_t removals;
  static int left;
  if (readings.program < 0)
    return;
  if (readings.layout->removals != removals) {
    removals = readings.layout->removals;
    left = CORRECTIONS;
  }
  if (left == 0 || !run_program(readings.program))
    return;
  uint64_t before = readings.state->usage;
  int64_t by_stat = read_stat();
  if (by_stat < 0 || !run_program(readings.program) || readings.state->usage != before)
    return; /* it changed meanwhile */
  readings.layout->removed += (by_stat - (int64_t)before) / PAGE;
  left--;
}

int64_t peak_by_program(void)
{
  return readings.program < 0 || readings.layout->incomplete ? -1 : (int64_t)readings.state->peak;
}

void reset_peak_by_program(void)
{
  if (readings.state)
    readings.state->peak = 0;
}
