#include "trials.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bpf/refusals.h"
#include "../bpf/shared.h"
#include "../common/file.h"
#include "bpf.h"
#include "embedded.h"
#include "enforce.h"
#include "object.h"
#include "object_load.h"
#include "probes.h"
#include "proc.h"
#include "watched.h"

static const char *const looks[] = {"tp_btf/mm_page_alloc", "tp_btf/kmem_cache_alloc", "tp_btf/kmalloc",
                                    "tp_btf/sys_exit", "tp_btf/cgroup_rmdir"};

bool is_memory_unified(void)
{
  char text[8192];
  return read_file("/proc/self/cgroup", text, sizeof text) > 0 && strstr(text, ":memory:") == NULL &&
         strstr(text, ",memory:") == NULL && strstr(text, ":memory,") == NULL && strstr(text, ",memory,") == NULL;
}

/* Returns its descriptor, or -1. */
static int load(struct object *object, struct trial *trial, const char *section, uint32_t function)
{
  int program = load_object_program(object, section, function);
  bool waits = strncmp(section, "syscall", 7) != 0; /* for an event */
  if (program >= 0 && (!waits || attach_object_program(object, section)))
    return program;
  trial->error = errno;
  trial->program = section;
  return -1;
}

/* One page in 2 MiB that nothing else has touched, so that it needs its own page table. */
static void touch_page(void)
{
  const size_t table = 2 << 20;
  char *area = mmap(NULL, 2 * table, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area == MAP_FAILED)
    return;
  madvise(area, 2 * table, MADV_NOHUGEPAGE);
  *(volatile char *)(((uintptr_t)area + table - 1) & ~(table - 1)) = 1;
  munmap(area, 2 * table);
}

static void try_faults(struct object *o, struct trial *trial)
{
  struct fault_config *fault_config = object_variable(o, "config");
  const struct fault_state *state = object_variable(o, "state");
  if (load(o, trial, "tp_btf/mm_page_alloc", 0) < 0)
    return;
  fault_config->learner = (uint32_t)gettid();
  touch_page();
  fault_config->learner = 0;
  trial->works = state->entry != 0;
}

/* The group to which this process is charged, as the inode number of its directory; on v2 it may be an ancestor. */
static uint64_t charged_group(const char *join_file)
{
  char directory[PATH_MAX], file[PATH_MAX + 32];
  struct stat status;
  snprintf(directory, sizeof directory, "%s", join_file);
  for (char *end; (end = strrchr(directory, '/')) != NULL && end != directory;) {
    *end = '\0';
    snprintf(file, sizeof file, "%s/memory.stat", directory);
    if (access(file, F_OK) == 0)
      return stat(directory, &status) == 0 ? status.st_ino : 0;
  }
  return 0;
}

static void try_readings(struct object *o, struct trial *trial, const char *join_file)
{
  struct watched_group *group = object_variable(o, "group");
  struct usage_state *state = object_variable(o, "usage_state");
  const struct usage_layout *layout = object_variable(o, "layout");
  int prepare = load(o, trial, "syscall/prepare", 0);
  int reader = prepare < 0 ? -1 : load(o, trial, "syscall/read", 0);
  if (reader < 0)
    return;
  group->id = join_file ? charged_group(join_file) : 0;
  if (!run_program(prepare)) {
    trial->error = errno;
    trial->program = "syscall/prepare";
    return;
  }
  if (layout->item == 0) { /* the program leaves it 0 if the kernel's symbol table lacks what it looks for */
    trial->error = ENOENT;
    trial->program = "syscall/prepare";
    return;
  }
  for (unsigned i = 0; i < sizeof looks / sizeof *looks; i++)
    if (load(o, trial, looks[i], 0) < 0)
      return;
  if (load(o, trial, "tp_btf/cgroup_attach_task", 0) < 0) /* it finds the group */
    return;
  if (join_file == NULL || !write_file(join_file, "0")) {
    trial->error = join_file ? errno : ENOTSUP;
    return;
  }
  state->usage = UINT64_MAX;
  trial->works = run_program(reader) && group->css != 0 && state->usage != UINT64_MAX;
}

static void try_moves(struct object *o, struct trial *trial, const char *join_file)
{
  const struct move_state *state = object_variable(o, "move_state");
  struct move_config *move_config = object_variable(o, "move_config");
  if (!is_in_first_pid_namespace()) {
    trial->error = ESRCH;
    return;
  }
  move_config->supervisor = (uint32_t)getpid();
  if (load(o, trial, "tp_btf/task_newtask", 0) < 0)
    return;
  pid_t pid = fork();
  if (pid == 0)
    _exit(0);
  if (pid > 0)
    waitpid(pid, NULL, 0);
  bool saw_birth = state->seen > 0;
  detach_programs(o);
  if (load(o, trial, "tp_btf/cgroup_attach_task", 0) < 0)
    return;
  uint64_t before = state->seen;
  if (join_file == NULL || !write_file(join_file, "0"))
    trial->error = join_file ? errno : ENOTSUP;
  else
    trial->works = saw_birth && state->seen > before;
}

static bool is_in_table(int table, struct refused_task *task)
{
  uint32_t tid = (uint32_t)gettid();
  return get_entry(table, &tid, task);
}

/* In this order, because the entry of a call clears what the other programs recorded. */
static void try_refusals(struct object *o, struct trial *trial)
{
  uint32_t tid = (uint32_t)gettid(), charge = charge_function();
  struct refused_task task = {.pending = 1};
  if (charge == 0) {
    trial->error = errno;
    trial->program = "fexit";
    return;
  }
  int table = object_map(o, "tasks");
  if (load(o, trial, "fexit", charge) < 0 || load(o, trial, "raw_tp/sys_exit", 0) < 0 || !set_entry(table, &tid, &task))
    return;
  bool saw_exit = is_in_table(table, &task) && task.pending == 0;
  if (load(o, trial, "raw_tp/page_fault_user", 0) < 0)
    return;
  touch_page();
  bool saw_fault = is_in_table(table, &task) && task.in_fault != 0;
  if (load(o, trial, "raw_tp/sys_enter", 0) < 0)
    return;
  trial->works = saw_exit && saw_fault && is_in_table(table, &task) && task.calls > 0;
}

/* For one task, ours: making the table of a run takes 6 ms. */
static int make_small_table(void)
{
  return make_map(BPF_MAP_TYPE_LRU_HASH, sizeof(uint32_t), sizeof(struct refused_task), 64, 0);
}

static void try_enforcement(struct object *o, struct trial *trial, enum granularity granularity, int given)
{
  int table = given < 0 ? make_small_table() : given;
  trial->works = table >= 0 && share_map(o, "refused", table) && attach_enforcement(o, granularity, &trial->program);
  int saved = errno;
  if (given < 0 && table >= 0)
    close(table);
  errno = saved;
  if (!trial->works)
    trial->error = errno;
}

enum kind { FAULTS, READINGS, MOVES, REFUSALS, ALLOCATION, OBJECT };

static bool open_for(enum kind kind, struct object *object)
{
  switch (kind) {
  case READINGS: return open_group_object(object, &watch_image, true);
  case REFUSALS: return open_object(object, &refusals_image);
  default: return open_group_object(object, &watch_image, is_memory_unified());
  }
}

static void try_kind(enum kind kind, struct object *object, struct trial *trial, const char *join_file)
{
  switch (kind) {
  case FAULTS: try_faults(object, trial); break;
  case READINGS: try_readings(object, trial, join_file); break;
  case MOVES: try_moves(object, trial, join_file); break;
  case REFUSALS: try_refusals(object, trial); break;
  case ALLOCATION: try_enforcement(object, trial, ALLOCATIONS, -1); break;
  case OBJECT: try_enforcement(object, trial, OBJECTS, -1); break;
  }
}

static void run_trial(enum kind kind, const char *name, struct trial *trial, const char *join_file)
{
  struct object object;
  *trial = (struct trial){.kind = name};
  if (open_for(kind, &object)) {
    try_kind(kind, &object, trial, join_file);
    close_object(&object);
  } else {
    trial->error = errno;
  }
}

void run_trials(struct trial trials[TRIALS], const char *join_file)
{
  static const char *const names[TRIALS] = {"faults", "readings", "moves", "refusals", "allocations", "objects"};
  for (int i = 0; i < TRIALS; i++)
    run_trial((enum kind)i, names[i], &trials[i], join_file);
}

void print_granularity(const struct trial *trial)
{
  printf("{\"granularity\":\"%s\",\"works\":%s,\"errno\":%d,\"program\":\"%s\"}\n", trial->kind,
         trial->works ? "true" : "false", trial->error, trial->program ? trial->program : "");
  fflush(stdout);
}

bool try_granularities(struct object *object, struct trial *trial, int table)
{
  static const char *const names[] = {"allocation", "object"};
  for (int i = 0; i < 2; i++) {
    enum kind kind = i == 0 ? ALLOCATION : OBJECT;
    *trial = (struct trial){.kind = names[i]};
    if (!open_for(kind, object)) {
      trial->error = errno;
      continue;
    }
    try_enforcement(object, trial, i == 0 ? ALLOCATIONS : OBJECTS, table);
    if (trial->works)
      return true;
    close_object(object);
  }
  return false;
}

int show_granularity(void)
{
  struct object object;
  struct trial trial;
  try_granularities(&object, &trial, -1);
  print_granularity(&trial);
  return 0;
}
