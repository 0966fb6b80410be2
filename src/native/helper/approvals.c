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

enum { MAX_APPROVALS = 1024, APPROVAL_MS = 50, NO_CALL = -1, MS_FOR_EACH = 2, MOST_LOOKS = 16 };

static struct approval {
  pid_t tid;
  int call;   /* its number, or NO_CALL: it goes on after the call has returned */
  bool waits; /* vfork: the call waits for the child when all is charged */
  bool child; /* for the first page faults of a child of the task */
  int64_t need;
  uint64_t at_ns;
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
  return a->tid == 0 || a->child ? &expected : &approved;
}

static void remove_approval(int i)
{
  *sum_of(&approvals[i]) -= approvals[i].need;
  approvals[i] = approvals[--approval_count];
}

void drop_approval(pid_t tid)
{
  if (approval_count == 0)
    return;
  /* The more tasks are about to charge, the longer each waits for a CPU. */
  uint64_t now = now_ns(), lifetime_ns = (APPROVAL_MS + MS_FOR_EACH * (uint64_t)approval_count) * 1000000;
  for (int i = approval_count - 1; i >= 0; i--)
    if ((approvals[i].tid == tid && !approvals[i].child) || now - approvals[i].at_ns > lifetime_ns)
      remove_approval(i);
}

static void add(struct approval a)
{
  if (approval_count == MAX_APPROVALS)
    remove_approval(0);
  a.at_ns = now_ns();
  approvals[approval_count++] = a;
  *sum_of(&a) += a.need;
}

void add_approval(pid_t tid, int64_t need)
{
  add((struct approval){.tid = tid, .call = NO_CALL, .need = need});
}

void hold_call(const struct request *r, int64_t need)
{
  bool waits = (clone_flags(r->call, tid_of(r), args_of(r)) & CLONE_VFORK) != 0;
  add((struct approval){.tid = tid_of(r), .call = r->notification->data.nr, .waits = waits, .need = need});
}

void expect_child(const struct request *r, int64_t need)
{
  add((struct approval){.tid = tid_of(r), .call = NO_CALL, .child = true, .need = need});
}

static bool is_running(pid_t tid, int *call)
{
  char path[40], text[128];
  snprintf(path, sizeof path, "/proc/%d/syscall", tid);
  if (read_file(path, text, sizeof text) <= 0) {
    *call = NO_CALL;
    return thread_group(tid) >= 0; /* it is there, and nobody may look at it */
  }
  *call = atoi(text);
  return strncmp(text, "running", 7) == 0;
}

/* Gone, or waiting in another call.  A task that runs is "running", whatever it does. */
static bool is_elsewhere(const struct approval *a)
{
  int call;
  return !is_running(a->tid, &call) && (a->waits || call != a->call);
}

/* A child that waits for something has started.  Where the kernel does not list children, nobody can say. */
static bool have_children_started(pid_t parent)
{
  char path[64], text[1024];
  int call;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
  ssize_t length = read_file(path, text, sizeof text);
  if (length < 0)
    return false;
  char *end = text;
  for (pid_t child; (child = (pid_t)strtol(end, &end, 10)) > 0;)
    if (is_running(child, &call))
      return false;
  return length < (ssize_t)sizeof text - 1; /* else there are more */
}

/* The child is not there before its fork is over. */
static bool is_held(pid_t tid)
{
  for (int i = 0; i < approval_count; i++)
    if (approvals[i].tid == tid && !approvals[i].child)
      return true;
  return false;
}

static bool is_over(const struct approval *a, pid_t parent_of_caller)
{
  if (a->child)
    return !is_held(a->tid) && have_children_started(a->tid);
  return a->tid != 0 && a->call != NO_CALL && (a->tid == parent_of_caller || is_elsewhere(a));
}

bool drop_finished(const struct request *r)
{
  char text[4096];
  pid_t parent = 0;
  bool any = false;
  if (approval_count > 0 && read_proc(tid_of(r), "status", text, sizeof text))
    parent = (pid_t)status_number(text, "\nPPid:");
  for (int i = approval_count - 1, looks = 0; i >= 0 && looks < MOST_LOOKS; i--) {
    bool over = is_over(&approvals[i], parent);
    any |= over;
    looks += !over;
    if (over)
      remove_approval(i);
  }
  return any;
}
