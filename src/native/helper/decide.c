#include "decide.h"

#include <inttypes.h>
#include <linux/ipc.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>

#include "../common/clock.h"
#include "config.h"
#include "counter.h"
#include "describe.h"
#include "errors.h"
#include "peak.h"
#include "policy.h"
#include "proc.h"
#include "run.h"
#include "tables.h"
#include "trace.h"

/*
 * A program that was let start charges after the answer, up to its first calls: until it is heard of, what it needs is
 * not in the counter yet.  Without this, several that start at once are all let through for the same room.  (A fork
 * charges within the call, so its time is too short to matter; what the child of a large process takes later matters.)
 */
enum { MAX_APPROVALS = 64, APPROVAL_MS = 50 };

static struct {
  pid_t tid;
  int64_t need;
  uint64_t at_ns;
} approvals[MAX_APPROVALS];

static int approval_count;
static int64_t approved; /* nobody else has this room */
static int64_t expected; /* no fork has it: by page faults of children that were forked a moment ago */

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

void add_approval(pid_t tid, int64_t need)
{
  if (approval_count == MAX_APPROVALS)
    remove_approval(0);
  approvals[approval_count].tid = tid;
  approvals[approval_count].need = need;
  approvals[approval_count++].at_ns = now_ns();
  *(tid ? &approved : &expected) += need;
}

static int64_t need_of(const struct request *r)
{
  const struct call *c = r->call;
  bool shares_memory = c->need_thread > 0 && (clone_flags(c, tid_of(r), args_of(r)) & CLONE_VM);
  return shares_memory ? c->need_thread : c->need; /* no address space to copy */
}

static int64_t mapping_count(pid_t tid)
{
  char path[40], part[4096];
  int64_t count = 0;
  snprintf(path, sizeof path, "/proc/%d/maps", tid);
  FILE *maps = fopen(path, "re");
  if (maps == NULL)
    return 0;
  for (size_t n; (n = fread(part, 1, sizeof part, maps)) > 0;)
    for (size_t i = 0; i < n; i++)
      count += part[i] == '\n';
  fclose(maps);
  return count;
}

/*
 * A fork's own need has room for the child of a small process.  The mappings of a larger one are copied in the call, and
 * so are its page tables, or the child's first page faults make them (`later`).
 */
enum { SMALL_TABLES = 48 * 1024, SMALL_MAPPINGS = 64, MAPPING_BYTES = 256, LARGEST_PARENT = 64 << 20 };

static int64_t need_of_large_fork(struct request *r)
{
  char text[4096];
  pid_t tid = tid_of(r);
  if (!read_proc(tid, "status", text, sizeof text))
    return 0;
  int64_t tables = (int64_t)status_number(text, "\nVmPTE:") * 1024, mappings = mapping_count(tid);
  r->later = tables > SMALL_TABLES ? tables - SMALL_TABLES : 0;
  return r->later + (mappings > SMALL_MAPPINGS ? (mappings - SMALL_MAPPINGS) * MAPPING_BYTES : 0);
}

/* Keeps the reason; true. */
static bool denied(struct request *r, int64_t need, int64_t room)
{
  r->need = need;
  r->room = room + config.reserve > 0 ? room + config.reserve : 0;
  return true;
}

/* `room`: by a reading that may be too old for so large a need. */
static bool lacks_room_to_fork(struct request *r, int64_t room)
{
  int64_t need = need_of(r);
  if (room > LARGEST_PARENT || need == r->call->need_thread)
    return need > room && denied(r, need, room);
  int64_t more = need_of_large_fork(r);
  if (more > 0)
    room = config.limit - config.reserve - read_usage() - approved;
  return need + more > room - expected && denied(r, need + more, room - expected);
}

/* An address strictly inside a mapping: the mapping is split there, which allocates. */
static bool splits_mapping(pid_t tid, uint64_t start, uint64_t length)
{
  char path[40], row[512];
  uint64_t end = start + ((length + 4095) & ~4095ull);
  bool splits = false;
  snprintf(path, sizeof path, "/proc/%d/maps", tid);
  FILE *maps = fopen(path, "re");
  if (maps == NULL)
    return true; /* nobody can say: treat it as any other call */
  while (!splits && fgets(row, sizeof row, maps)) {
    uint64_t from, to;
    if (sscanf(row, "%" SCNx64 "-%" SCNx64, &from, &to) == 2)
      splits = (start > from && start < to) || (end > from && end < to);
  }
  fclose(maps);
  return splits;
}

static bool allocates(const struct request *r)
{
  if (r->call->check == CHECK_SPLIT)
    return splits_mapping(tid_of(r), args_of(r)[0], args_of(r)[1]);
  if (r->call->check == CHECK_IPC)
    switch (ipc_operation(args_of(r))) {
    case SEMGET:
    case MSGSND:
    case MSGGET:
    case SHMAT:
    case SHMGET: return true;
    default: return false;
    }
  return true;
}

bool over_limit(struct request *r, int64_t usage)
{
  const struct call *c = r->call;
  r->table_denied = false;
  r->later = 0;
  if (is_closed() || config.limit < 0 || usage < 0)
    return false;
  int64_t room = config.limit - config.reserve - usage - approved;
  if (c->creates > 0) {
    int64_t growth = table_growth(r, usage, room);
    r->table_denied = growth > 0 && growth > room;
    if (r->table_denied)
      return denied(r, growth, room);
    if (c->check == CHECK_FDTABLE)
      return false;
  }
  if (c->detail == DETAIL_CLONE)
    return lacks_room_to_fork(r, room);
  return c->need > room && need_of(r) > room && allocates(r) && denied(r, need_of(r), room);
}

/*
 * The counter is read only when it can matter.  Far below the limit nothing can bring it there at once: no CPU can
 * have more than a page charged in FASTEST_PAGE_NS, so the reading holds for as long as the room would last.
 */
enum { FASTEST_PAGE_NS = 250, NEAR = 256 * 1024 };

static uint64_t holds_until;

void forget_usage(void)
{
  holds_until = 0;
}

int64_t usage_for_decision(void)
{
  static int64_t last;
  if (config.limit < 0 && !is_tracing() && counter_freshness() == EXACT)
    return -1;
  uint64_t now = now_ns();
  if (now < holds_until && !is_tracing() && !may_read_again(now))
    return last;
  last = read_usage();
  int64_t room = config.limit - config.reserve - approved - last - NEAR;
  holds_until = room > 0 ? now + (uint64_t)(room / 4096) * FASTEST_PAGE_NS / cpu_count() : 0;
  return last;
}
