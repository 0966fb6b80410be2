#include "approvals.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/clock.h"
#include "../common/file.h"
#include "proc.h"

enum { MAX_APPROVALS = 1024, APPROVAL_MS = 50, NO_CALL = -1 };

static struct approval {
  pid_t tid;
  int call; /* its number, or NO_CALL: it goes on after the call has returned */
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

static void remove_approval(int i)
{
  *(approvals[i].tid ? &approved : &expected) -= approvals[i].need;
  approvals[i] = approvals[--approval_count];
}

void drop_approval(pid_t tid)
{
  if (approval_count == 0)
    return;
  uint64_t now = now_ns();
  for (int i = approval_count - 1; i >= 0; i--)
    if (approvals[i].tid == tid || now - approvals[i].at_ns > APPROVAL_MS * 1000000ull)
      remove_approval(i);
}

static void add(pid_t tid, int call, int64_t need)
{
  if (approval_count == MAX_APPROVALS)
    remove_approval(0);
  approvals[approval_count++] = (struct approval){tid, call, need, now_ns()};
  *(tid ? &approved : &expected) += need;
}

void add_approval(pid_t tid, int64_t need)
{
  add(tid, NO_CALL, need);
}

void hold_call(const struct request *r, int64_t need)
{
  add(tid_of(r), r->notification->data.nr, need);
}

/* Gone, or waiting in another call.  A task that runs is "running", whatever it does. */
static bool is_elsewhere(const struct approval *a)
{
  char path[40], text[128];
  snprintf(path, sizeof path, "/proc/%d/syscall", a->tid);
  if (read_file(path, text, sizeof text) <= 0)
    return thread_group(a->tid) < 0;
  return strncmp(text, "running", 7) != 0 && atoi(text) != a->call;
}

bool drop_finished(void)
{
  bool any = false;
  for (int i = approval_count - 1; i >= 0; i--) {
    const struct approval *a = &approvals[i];
    if (a->tid == 0 || a->call == NO_CALL || !is_elsewhere(a))
      continue;
    remove_approval(i);
    any = true;
  }
  return any;
}
