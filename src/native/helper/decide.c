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
#include "sizes.h"
#include "tables.h"
#include "trace.h"

/* A reading, and the most that may be charged in one go beside it: see usage_for_decision(). */
enum { FASTEST_PAGE_NS = 250, NEAR = 256 * 1024, SMALL_SIZE = 4096, LARGE_CALL_NS = 50000000 };

static int64_t room_at(int64_t usage)
{
  return config.limit - config.reserve - usage - approved_room();
}

/* Without a reading there is no room. */
static int64_t room_now(void)
{
  int64_t usage = read_usage();
  return usage < 0 ? 0 : room_at(usage);
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
 * A fork's own need covers the child of a small process.  For a larger one, the call also copies the mappings; page
 * tables are copied in the call or created by the child's first page faults (`later`).
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

/* Saves the reason; true. */
static bool denied(struct request *r, int64_t need, int64_t room)
{
  r->need = need;
  r->room = room + config.reserve > 0 ? room + config.reserve : 0;
  return true;
}

/* `room`: by a reading that may be too old for so large a need. */
static bool lacks_room_to_fork(struct request *r, int64_t room)
{
  const struct call *c = r->call;
  uint64_t flags = clone_flags(c, tid_of(r), args_of(r));
  bool shares_memory = c->need_thread > 0 && (flags & CLONE_VM); /* no address space to copy */
  int64_t need = shares_memory ? c->need_thread : c->need;
  if (room <= LARGEST_PARENT && !(flags & CLONE_FILES))
    need += table_copy(tid_of(r));
  r->charges = need;
  if (room > LARGEST_PARENT || shares_memory)
    return need > room && denied(r, need, room);
  int64_t more = need_of_large_fork(r);
  if (more > 0)
    room = room_now();
  r->charges += more - r->later;
  r->makes_child = true;
  return need + more > room - expected_room() && denied(r, need + more, room - expected_room());
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
    return true; /* unknown: treat it as any other call */
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

/* The size in the arguments is charged at once: an old reading is not valid for that much. */
static bool lacks_room_for_size(struct request *r, int64_t room)
{
  int64_t size = size_at_most(r);
  if (size > NEAR)
    room = room_now();
  if (size > room)
    size = size_without_tables(r, room);
  if (r->call->check == CHECK_ON_TMPFS && size + r->call->need > room && !is_on_tmpfs(r))
    return false;
  int64_t base = r->call->need > room - size && allocates(r) ? r->call->need : 0;
  int64_t need = base + size;
  r->charges = size > SMALL_SIZE ? need : 0;
  return need > 0 && need > room && denied(r, need, room);
}

static bool lacks_room(struct request *r, int64_t usage)
{
  const struct call *c = r->call = row_for(r->call, args_of(r));
  r->table_denied = false;
  r->later = r->charges = 0;
  r->makes_child = false;
  if (is_closed() || config.limit < 0 || usage < 0)
    return false;
  int64_t room = room_at(usage);
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
  if (c->size != SIZE_NONE)
    return lacks_room_for_size(r, room);
  return c->need > room && allocates(r) && denied(r, c->need, room);
}

static uint64_t holds_until, large_until;

/* Time for children to start before another fork is denied because of them. */
enum { MOST_WAITS_MS = 4 };

/* Whether it has room if all allowed calls have already been charged. */
static bool waits_for_others(const struct request *r, int64_t usage)
{
  return r->need <= config.limit - config.reserve - usage;
}

bool over_limit(struct request *r, int64_t usage)
{
  bool lacks = lacks_room(r, usage);
  for (int waited_ms = 0; lacks && waits_for_others(r, usage);) {
    bool any = drop_finished(r);
    if (!any && (waited_ms == MOST_WAITS_MS || expected_room() == 0))
      break;
    if (!any) {
      sleep_ms(1);
      waited_ms++;
    }
    usage = read_usage(); /* that room has been charged by now */
    lacks = usage < 0 || lacks_room(r, usage);
  }
  if (lacks || r->charges == 0)
    return lacks;
  hold_call(r, r->charges);
  if (r->makes_child)
    expect_child(tid_of(r));
  if (r->charges > NEAR)
    large_until = now_ns() + LARGE_CALL_NS;
  return false;
}

/*
 * The counter is read only when it can matter.  Far below the limit nothing can reach it at once: no CPU can charge
 * more than a page in FASTEST_PAGE_NS, so the reading is valid for as long as the room would last.  A large call can
 * charge faster.
 */
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
  if (now < holds_until && now >= large_until && !is_tracing() && !may_read_again(now))
    return last;
  last = read_usage();
  int64_t room = room_at(last) - NEAR;
  holds_until = room > 0 ? now + (uint64_t)(room / 4096) * FASTEST_PAGE_NS / cpu_count() : 0;
  return last;
}
