#include "enforce.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf.h"
#include "config.h"
#include "guardian.h"
#include "object_load.h"
#include "probes.h"
#include "run.h"
#include "symbols.h"
#include "watched.h"

enum { MAX_HOOKS = 4 };

static const struct technique {
  int count;
  struct {
    const char *program;
    enum enforce_trial trial;
  } hook[MAX_HOOKS];
} techniques[] = {
    [ALLOCATIONS] = {2, {{"fmod_ret/should_failslab", TRY_OBJECT}, {"fmod_ret/should_fail_alloc_page", TRY_PAGE}}},
    [OBJECTS] = {4,
                 {{"fmod_ret/security_file_alloc", TRY_FILE},
                  {"fmod_ret/security_inode_alloc", TRY_INODE},
                  {"fmod_ret/security_sk_alloc", TRY_SOCKET},
                  {"fmod_ret/security_mmap_file", TRY_AREA}}},
};

static struct {
  struct object *object;
  struct enforce_config *config;
  const struct enforce_state *state;
  int stacks; /* a descriptor; -1: no stacks */
} enforcement = {.stacks = -1};

static bool is_closed_pair(int made, const int pair[2])
{
  if (made == 0) {
    close(pair[0]);
    close(pair[1]);
  }
  return made < 0;
}

/* Makes what the program of this trial refuses. */
static bool is_refused(enum enforce_trial kind)
{
  int pair[2], made;
  void *area;
  bool refused;
  switch (kind) {
  case TRY_PAGE: /* of a pipe's data */
    if (pipe(pair) < 0)
      return false;
    refused = write(pair[1], "", 1) < 0;
    return is_closed_pair(0, pair), refused;
  case TRY_INODE: return is_closed_pair(pipe(pair), pair);
  case TRY_SOCKET: return is_closed_pair(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), pair);
  case TRY_AREA:
    area = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area != MAP_FAILED)
      munmap(area, 1);
    return area == MAP_FAILED;
  default:
    made = eventfd(0, EFD_CLOEXEC);
    if (made >= 0)
      close(made);
    return made < 0;
  }
}

static bool tried(struct enforce_config *enforce, const struct enforce_state *state, enum enforce_trial kind)
{
  uint64_t before = state->refused_in_trial;
  enforce->supervisor = (uint32_t)gettid();
  enforce->trial = kind;
  bool refused = is_refused(kind);
  enforce->trial = TRY_NOTHING;
  return refused && state->refused_in_trial > before;
}

bool attach_enforcement(struct object *object, enum granularity granularity, const char **failed)
{
  const struct technique *technique = &techniques[granularity];
  struct enforce_config *enforce = object_variable(object, "enforce");
  const struct enforce_state *state = object_variable(object, "enforced");
  const struct charge_places *places = object_variable(object, "places");
  enforce->limit = NO_LIMIT;
  *failed = "syscall/locate";
  if (sysconf(_SC_NPROCESSORS_CONF) > MAX_CPUS) { /* interrupts of the others would not be recognised */
    errno = E2BIG;
    return false;
  }
  for (int i = 0; i < technique->count; i++) {
    *failed = technique->hook[i].program;
    if (!load_and_attach(object, *failed))
      return false;
    if (!tried(enforce, state, technique->hook[i].trial)) {
      errno = EPROTO;
      return false;
    }
  }
  *failed = "syscall/locate";
  int locate = load_object_program(object, *failed, 0);
  if (locate < 0)
    return false;
  if (!run_program(locate) || places->task_cache == 0 || places->preempt_count == 0) {
    errno = ENOENT;
    return false;
  }
  *failed = NULL;
  return true;
}

/* Links that only this process held would be gone with it, and the command unlimited. */
static bool share_links(void)
{
  const struct technique *technique = &techniques[config.enforce];
  for (int i = 0; i < technique->count; i++)
    if (!share_with_guardian(program_link(enforcement.object, technique->hook[i].program)))
      return false;
  return true;
}

/* What is borrowed from the keeper shares them already. */
static bool share_tasks(struct object *object)
{
  return share_map(object, "refused", refused_tasks()) || (errno == EEXIST && are_calls_borrowed());
}

bool enforce_limit(const char **failed)
{
  struct object *object = watch_programs();
  *failed = "refused";
  if (object == NULL || !share_tasks(object) || !attach_enforcement(object, config.enforce, failed))
    return false;
  enforcement.object = object;
  enforcement.config = object_variable(object, "enforce");
  enforcement.state = object_variable(object, "enforced");
  enforcement.stacks = object_map(object, "refusal_stacks");
  prepare_names(object);
  enforcement.config->signal = config.fault_signal > 0 ? (uint32_t)config.fault_signal : 0;
  *failed = "guardian";
  if (!share_links())
    return false;
  update_enforced_limit();
  return true;
}

void update_enforced_limit(void)
{
  if (enforcement.object)
    enforcement.config->limit = config.limit < 0 || is_closed() ? NO_LIMIT : (uint64_t)config.limit;
}

bool is_group_known(void)
{
  const struct watched_group *group = enforcement.object ? object_variable(enforcement.object, "group") : NULL;
  return group != NULL && group->css != 0;
}

struct enforce_state enforcement_tally(void)
{
  return enforcement.object ? *enforcement.state : (struct enforce_state){0};
}

const char *stack_names(int64_t stack, char *text, size_t size)
{
  uint32_t number = (uint32_t)stack;
  struct kernel_stack frames;
  if (stack < 0 || enforcement.stacks < 0 || !get_entry(enforcement.stacks, &number, &frames))
    return NULL;
  return name_functions(enforcement.object, frames.at, STACK_FRAMES, text, size);
}

uint64_t allocations_refused(void)
{
  struct enforce_state tally = enforcement_tally();
  return tally.objects + tally.pages;
}
