#include "lineage.h"

#include <dirent.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/clock.h"
#include "../common/file.h"
#include "../common/memory.h"
#include "config.h"
#include "crashes.h"
#include "describe.h"
#include "policy.h"
#include "proc.h"
#include "steps.h"

enum { MAX_TASKS = 8192, PROBES = 64 };

static struct task *tasks; /* NULL: addresses are not needed */

void start_tracking(void)
{
  tasks = must(calloc(MAX_TASKS, sizeof *tasks));
}

bool is_tracking(void)
{
  return tasks != NULL;
}

struct task *find_task(pid_t tid)
{
  for (unsigned i = 0; i < PROBES; i++) {
    struct task *t = &tasks[((unsigned)tid + i) % MAX_TASKS];
    if (t->used && t->tid == tid)
      return t;
  }
  return NULL;
}

/* A new entry, replacing an old one with the same tid; NULL: no room, the task has no address. */
static struct task *make_task(pid_t tid, pid_t tgid, pid_t parent, int step_index)
{
  struct task *t = find_task(tid);
  for (int round = 0; t == NULL && round < 2; round++)
    for (unsigned i = 0; t == NULL && i < PROBES; i++) {
      struct task *at = &tasks[((unsigned)tid + i) % MAX_TASKS];
      if (!at->used || (round == 1 && at->exits))
        t = at;
    }
  if (t != NULL)
    *t = (struct task){.used = true, .tid = tid, .tgid = tgid, .parent = parent, .start = start_of(tid)};
  if (tid == tgid)
    watch_process(tgid, step_index);
  return t;
}

static void add_task(pid_t tid, pid_t tgid, const struct task *parent, const char *kind, uint32_t number,
                     int step_index)
{
  struct task *t = make_task(tid, tgid, parent->tid, step_index);
  if (t == NULL)
    return;
  int n = parent->lineage[0] == '?' ? -1
                                    : snprintf(t->lineage, sizeof t->lineage, "%s.%s%u", parent->lineage, kind, number);
  if (n < 0 || n >= (int)sizeof t->lineage)
    snprintf(t->lineage, sizeof t->lineage, "?");
}

void forget_task(pid_t tid)
{
  struct task *t = tasks == NULL ? NULL : find_task(tid);
  if (t != NULL)
    t->used = false;
}

/* Whether the tid was not reused: checked if it may be. */
static bool is_same_task(const struct task *t, pid_t tid, bool can_be_another)
{
  return t != NULL && (!can_be_another || start_of(tid) == t->start);
}

/* The child created by a thread's latest clone. */
static void find_child(struct task *parent, int step_index)
{
  static char text[131072];
  char path[64];
  pid_t fresh = 0;
  if (!parent->process_pending)
    return;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent->tgid, parent->tid);
  if (read_file(path, text, sizeof text) <= 0)
    return;
  /* The newest comes last; all before a known child of its own are known too.  Others were adopted. */
  for (char *end = text + strlen(text); end > text && fresh == 0;) {
    while (end > text && end[-1] == ' ')
      *--end = '\0';
    while (end > text && end[-1] != ' ')
      end--;
    pid_t pid = atoi(end);
    struct task *t = pid > 0 ? find_task(pid) : NULL;
    bool own = t && t->parent == parent->tid;
    if (pid > 0 && !is_same_task(t, pid, t && (t->exits || !own)))
      fresh = pid;
    else if (own)
      break;
  }
  if (fresh == 0)
    return;
  parent->process_pending = false;
  add_task(fresh, fresh, parent, "", parent->processes, step_index);
}

static bool is_only_creator(const struct task *creator)
{
  for (unsigned i = 0; i < MAX_TASKS; i++)
    if (tasks[i].used && tasks[i].tgid == creator->tgid && tasks[i].thread_pending && &tasks[i] != creator)
      return false;
  return true;
}

/* The thread created by a thread's latest clone. */
static void find_new_thread(struct task *creator, int step_index)
{
  char path[64];
  int32_t written = 0;
  pid_t found = 0;
  int fresh = 0;
  if (!creator->thread_pending)
    return;
  bool has_tid = creator->tid_address != 0 && read_memory(creator->tid, creator->tid_address, &written, sizeof written);
  snprintf(path, sizeof path, "/proc/%d/task", creator->tgid);
  DIR *dir = opendir(path);
  if (dir == NULL)
    return;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    pid_t tid = atoi(entry->d_name);
    struct task *t = tid > 0 ? find_task(tid) : NULL;
    if (tid <= 0 || is_same_task(t, tid, t && (t->exits || t->tgid != creator->tgid)))
      continue;
    fresh++;
    if (!has_tid || tid_in_namespace(tid) == written)
      found = tid;
  }
  closedir(dir);
  if (found == 0 || (!has_tid && (fresh > 1 || !is_only_creator(creator))))
    return;
  creator->thread_pending = false;
  add_task(found, creator->tgid, creator, "t", creator->threads, step_index);
}

static void find_children_of(pid_t tgid, int step_index)
{
  for (unsigned i = 0; i < MAX_TASKS; i++)
    if (tasks[i].used && tasks[i].tgid == tgid) {
      find_child(&tasks[i], step_index);
      find_new_thread(&tasks[i], step_index);
    }
}

bool is_deputy(pid_t tid)
{
  const char *comm = config.join_into && step.state == FORKING ? comm_of(tid, now_ns()) : NULL;
  return comm != NULL && tid != step.joiner && !strcmp(comm, HELPER_COMM);
}

/* The command, or our process that forks it. */
static struct task *add_starter(pid_t tid, pid_t tgid, bool starts, int step_index)
{
  const struct running *r = step_of_command(tid);
  struct task *t = make_task(tid, tgid, 0, step_index);
  if (t == NULL)
    return NULL;
  t->starts = starts;
  snprintf(t->lineage, sizeof t->lineage, "%d", r ? r->index : step.index);
  return t;
}

void add_own_task(pid_t tid, int step_index)
{
  if (is_tracking())
    add_starter(tid, tid, false, step_index);
}

static struct task *task_of(pid_t tid, int step_index)
{
  char text[2048];
  struct task *t = find_task(tid);
  if (is_same_task(t, tid, t && t->exits))
    return t;
  forget_task(tid);
  if (!read_proc(tid, "status", text, sizeof text))
    return NULL;
  pid_t tgid = (pid_t)status_number(text, "\nTgid:");
  bool starts = tid == step.joiner || is_deputy(tid);
  if (step_of_command(tid) != NULL || starts)
    return add_starter(tid, tgid, starts, step_index);
  find_children_of(tgid != tid ? tgid : (pid_t)status_number(text, "\nPPid:"), step_index);
  t = find_task(tid);
  if (t != NULL)
    return t;
  t = make_task(tid, tgid, 0, step_index); /* its origin is unknown: reported as such, not guessed */
  if (t != NULL)
    snprintf(t->lineage, sizeof t->lineage, "?");
  return t;
}

const char *address_of(const struct request *r, char *text, size_t size)
{
  struct task *t = task_of(tid_of(r), r->step);
  if (t == NULL || t->lineage[0] == '?')
    return NULL;
  snprintf(text, size, "%s/%u:%s", t->lineage, t->calls, r->call->name);
  return text;
}

static void note_exit(const struct task *t, bool whole_group, int step_index)
{
  pid_t tid = t->tid, tgid = t->tgid;
  if (whole_group)
    find_children_of(tgid, step_index);
  for (unsigned i = 0; i < MAX_TASKS; i++)
    if (tasks[i].used && (tasks[i].tid == tid || (whole_group && tasks[i].tgid == tgid)))
      tasks[i].exits = true;
}

static void note_clone(struct task *t, const struct request *r)
{
  uint64_t flags = clone_flags(r->call, t->tid, args_of(r)), address = 0;
  if (!(flags & CLONE_THREAD)) {
    t->processes++;
    t->process_pending = true;
    return;
  }
  if (r->call->role == ROLE_CLONE3)
    read_memory(t->tid, args_of(r)[0] + offsetof(struct clone_args, parent_tid), &address, sizeof address);
  else
    address = args_of(r)[2];
  t->threads++;
  t->thread_pending = true;
  t->tid_address = flags & CLONE_PARENT_SETTID ? address : 0;
}

/* Each gated call counts for the calling thread; a clone or an exit is also an occasion to look at the children. */
void note_call(const struct request *r)
{
  struct task *t = task_of(tid_of(r), r->step);
  if (t == NULL)
    return;
  const struct seccomp_data *data = &r->notification->data;
  bool clones = r->call->detail == DETAIL_CLONE, leaves = is_exit(r->call);
  if (clones || leaves) {
    find_child(t, r->step);
    find_new_thread(t, r->step);
  }
  if (leaves)
    note_exit(t, r->call->role == ROLE_PROCESS_EXIT, r->step);
  if (r->call->action == WATCH)
    return;
  bool restarted = clones && (t->process_pending || t->thread_pending) && !memcmp(&t->last, data, sizeof t->last);
  t->last = *data;
  if (restarted)
    return;
  t->calls += !t->starts;
  t->process_pending &= !clones;
  t->thread_pending &= !clones;
  if (clones)
    note_clone(t, r);
}

/*
 * The caller took no answer: a signal interrupted it, and if the call is repeated, it is the same one.  (A clone is
 * recognised by its pending child.)
 */
void note_unanswered(const struct request *r)
{
  bool counts = is_tracking() && r->call != NULL && r->call->action != WATCH;
  struct task *t = counts ? find_task(tid_of(r)) : NULL;
  if (t != NULL && t->calls > 0 && r->call->detail != DETAIL_CLONE)
    t->calls--;
}

void note_denial(const struct request *r)
{
  struct task *t = is_tracking() && r->call->detail == DETAIL_CLONE ? find_task(tid_of(r)) : NULL;
  if (t != NULL)
    t->process_pending = t->thread_pending = false;
}
