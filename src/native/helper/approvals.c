#include "approvals.h"

#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/clock.h"
#include "../common/file.h"
#include "describe.h"
#include "proc.h"

enum { MAX_APPROVALS = 1024, APPROVAL_MS = 50, MS_FOR_EACH = 2, NO_CALL = -1, MOST_LOOKS = 16 };

/* A task that has had less CPU time since the last check may still be in its call; nobody waits longer than this. */
enum { CALL_CPU_NS = 10000000, LONGEST_MS = 1000 };

/* A child's first page faults create its page tables: bytes needed, and number of faults. */
enum { CHILD_NEED = 20 * 1024, FIRST_FAULTS = 16 };

static struct approval {
  pid_t tid;
  int call;     /* its number, or NO_CALL: page faults are expected */
  bool execs;   /* the new program charges after the call has returned, up to its first calls */
  bool waits;   /* vfork: once all is charged, the call waits for the child */
  pid_t before; /* the machine's newest pid at that time: a child of the call has a higher one */
  int children; /* of the task; expected to start */
  int64_t need;
  uint64_t at_ns, begun_ns;
  uint64_t cpu_ns; /* of the task, at the last check */
} approvals[MAX_APPROVALS];

static int approval_count;
static int64_t approved, expected;

int64_t approved_room(void)
{
  return approved;
}

int64_t expected_room(void)
{
  return expected;
}

static int64_t *sum_of(const struct approval *a)
{
  return a->tid == 0 || a->children > 0 ? &expected : &approved;
}

static void remove_approval(int i)
{
  *sum_of(&approvals[i]) -= approvals[i].need;
  approvals[i] = approvals[--approval_count];
}

static void add(struct approval a)
{
  if (approval_count == MAX_APPROVALS)
    remove_approval(0);
  a.at_ns = a.begun_ns = now_ns();
  approvals[approval_count++] = a;
  *sum_of(&a) += a.need;
}

void expect_faults(int64_t need)
{
  add((struct approval){.call = NO_CALL, .need = need});
}

void hold_exec(const struct request *r)
{
  add((struct approval){.tid = tid_of(r), .call = r->notification->data.nr, .execs = true, .need = r->call->need});
}

void hold_call(const struct request *r, int64_t need)
{
  bool waits = (clone_flags(r->call, tid_of(r), args_of(r)) & CLONE_VFORK) != 0;
  pid_t before = r->makes_child ? newest_pid() : 0;
  add((struct approval){
      .tid = tid_of(r), .call = r->notification->data.nr, .waits = waits, .before = before, .need = need});
}

void expect_child(pid_t parent)
{
  int children = 1;
  for (int i = 0; i < approval_count; i++)
    if (approvals[i].tid == parent && approvals[i].children > 0) {
      children += approvals[i].children;
      remove_approval(i);
      break;
    }
  add((struct approval){.tid = parent, .call = NO_CALL, .children = children, .need = children * CHILD_NEED});
}

/* The task is gone, or waits in another call.  A running task shows "running", whatever it does. */
static bool is_elsewhere(const struct approval *a)
{
  char path[40], text[128];
  snprintf(path, sizeof path, "/proc/%d/syscall", a->tid);
  if (read_file(path, text, sizeof text) <= 0)
    return thread_group(a->tid) < 0;
  return strncmp(text, "running", 7) != 0 && (a->waits || atoi(text) != a->call);
}

/* It is runnable, and has had neither its first page faults nor much CPU time. */
static bool is_about_to_start(pid_t child)
{
  char stat[1024];
  if (!read_proc(child, "stat", stat, sizeof stat))
    return false;
  const char *state = strrchr(stat, ')');
  return state != NULL && state[1] == ' ' && state[2] == 'R' && stat_field(stat, 10) < FIRST_FAULTS &&
         cpu_ns_of(child) < CALL_CPU_NS;
}

/*
 * Counts among the youngest `most` children; the kernel lists them by age.  `most` if it lists none
 * (proc_pid_children(5)).
 */
static int children_about_to_start(pid_t parent, int most)
{
  char path[64], text[16384];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
  ssize_t length = read_file(path, text, sizeof text);
  if (length < 0)
    return thread_group(parent) < 0 ? 0 : most;
  int count = 0;
  for (char *end = text + length; most > 0 && end > text; most--) {
    while (end > text && end[-1] == ' ')
      *--end = '\0';
    while (end > text && end[-1] != ' ')
      end--;
    count += is_about_to_start((pid_t)atoi(end));
  }
  return count;
}

static bool is_in_call(pid_t tid)
{
  for (int i = 0; i < approval_count; i++)
    if (approvals[i].tid == tid && approvals[i].call != NO_CALL && !approvals[i].execs)
      return true;
  return false;
}

/*
 * Drops the children that have started; true if there was one.  While its parent forks, the youngest does not exist
 * yet.
 */
static bool drop_started(struct approval *a)
{
  int expected_still = is_in_call(a->tid) + children_about_to_start(a->tid, a->children);
  int started = a->children - expected_still;
  if (started <= 0)
    return false;
  a->children -= started;
  a->need -= started * CHILD_NEED;
  expected -= started * CHILD_NEED;
  return true;
}

/* For an expired approval: false, with its time restarted, if it may have lacked a CPU. */
static bool is_out_of_time(struct approval *a, uint64_t now)
{
  if (a->call == NO_CALL && a->children == 0)
    return true;
  if (now - a->begun_ns > LONGEST_MS * 1000000ull)
    return true;
  if (a->children > 0) {
    drop_started(a);
    if (a->children == 0)
      return true;
  } else {
    uint64_t cpu_ns = cpu_ns_of(a->tid);
    if (cpu_ns == 0 || (a->cpu_ns > 0 && cpu_ns - a->cpu_ns > CALL_CPU_NS) || is_elsewhere(a))
      return true;
    a->cpu_ns = cpu_ns;
  }
  a->at_ns = now;
  return false;
}

void drop_approval(pid_t tid)
{
  if (approval_count == 0)
    return;
  /* The more tasks are about to charge, the longer each waits for a CPU. */
  uint64_t now = now_ns(), lifetime_ns = (APPROVAL_MS + MS_FOR_EACH * (uint64_t)approval_count) * 1000000;
  for (int i = approval_count - 1; i >= 0; i--) {
    struct approval *a = &approvals[i];
    if ((a->tid == tid && a->children == 0) || (now - a->at_ns > lifetime_ns && is_out_of_time(a, now)))
      remove_approval(i);
  }
}

bool drop_finished(const struct request *r)
{
  char text[4096];
  pid_t parent = 0;
  bool any = false;
  if (approval_count > 0 && read_proc(tid_of(r), "status", text, sizeof text))
    parent = (pid_t)status_number(text, "\nPPid:");
  for (int i = approval_count - 1, looks = 0; i >= 0 && looks < MOST_LOOKS; i--) {
    struct approval *a = &approvals[i];
    if (a->call == NO_CALL)
      continue;
    bool has_child = a->tid == parent && a->before > 0 && tid_of(r) > a->before;
    bool over = has_child || is_elsewhere(a);
    any |= over;
    looks += !over;
    if (over)
      remove_approval(i);
  }
  for (int i = approval_count - 1, looks = 0; i >= 0 && looks < MOST_LOOKS; i--) {
    struct approval *a = &approvals[i];
    if (a->children == 0)
      continue;
    any |= drop_started(a);
    looks += a->children;
    if (a->children == 0)
      remove_approval(i);
  }
  return any;
}
