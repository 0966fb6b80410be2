#include "reclaim.h"

#include <linux/membarrier.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/file.h"
#include "approvals.h"
#include "config.h"
#include "counter.h"
#include "group.h"
#include "loop.h"
#include "message.h"
#include "seccomp.h"

enum {
  MAX_DEFERRED = 64,
  RECLAIM_EVERY_MS = 100,
  RECLAIM_SHOWS_MS = 50,
  RCU_WAITS = 4,         /* of one call */
  RCU_WAIT_MS = 20,      /* if the kernel does not wait */
  LATEST_MS = 10000,     /* for an answer */
  MAX_WAITED_MS = 10000, /* in total, so that a run that stays at its limit is not slowed down for ever */
};

/* A request to the reclaimer, which it returns as its answer when done. */
struct effort {
  bool waits, reclaims;
  bool reached;   /* the answer: the wait ended at the target */
  int64_t target; /* the usage at which the call has room */
};

static pid_t reclaimer_pid = -1;
static int reclaimer_sock = -1;
static bool reclaiming, has_ended;
static struct rcu_waits waits;
static uint64_t began_ns;
static uint64_t last_reclaim_ns;
static int64_t reclaims;

struct deferred {
  struct request request;
  struct seccomp_notif notification;
  bool joined; /* the effort was started for another call, which may need less */
};

/* Calls waiting for the effort, and those of the last one, which are being decided. */
static struct deferred deferred[MAX_DEFERRED], served[MAX_DEFERRED];
static int deferred_count, served_count, served_taken;

static void reclaim(void)
{
  int64_t before = read_counter();
  write_file(config.reclaim_file, config.refresh_file ? "1T" : "0"); /* v2: as much as possible */
  /* Reclaimed objects are freed after an RCU grace period. */
  for (int ms = 0; ms < RECLAIM_SHOWS_MS && read_counter() >= before; ms++)
    sleep_ms(1);
}

/*
 * Waits until the usage is at most `target`.  With /sys/kernel/rcu_expedited the call returns at once, long before
 * memory that waits for a grace period is freed; with nohz_full it fails.  Source: membarrier(2).
 */
static bool wait_for_rcu(int64_t target)
{
  for (int i = 0; i < RCU_WAITS && read_counter() > target; i++) {
    uint64_t began = now_ns();
    syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
    if (now_ns() - began < 1000000)
      for (int ms = 0; ms < RCU_WAIT_MS && read_counter() > target; ms++)
        sleep_ms(1);
  }
  return read_counter() <= target;
}

void note_end(void)
{
  has_ended = true;
}

static bool may_wait_for_rcu(void)
{
  return config.rcu_wait && has_ended && waits.waited_ns < MAX_WAITED_MS * 1000000ull;
}

void start_reclaimer(void)
{
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return;
  reclaimer_pid = fork();
  if (reclaimer_pid == 0) {
    setsid();
    prctl(PR_SET_NAME, "kmem-reclaimer");
    silence_stdio();
    close_others(pair[1], pair[1]);
    if (!open_counter())
      _exit(1);
    for (struct effort effort; receive_message(pair[1], &effort, sizeof effort, NULL, 0) == sizeof effort;) {
      if (effort.waits)
        effort.reached = wait_for_rcu(effort.target);
      if (effort.reclaims)
        reclaim();
      send_message(pair[1], &effort, sizeof effort, -1);
    }
    _exit(0);
  }
  close(pair[1]);
  reclaimer_sock = pair[0];
  watch(reclaimer_sock, TAG_RECLAIMER);
}

static struct effort next_effort(const struct request *r, uint64_t now)
{
  if (reclaimer_sock < 0 || reclaiming)
    return (struct effort){0};
  return (struct effort){
      .waits = may_wait_for_rcu(),
      .reclaims = config.reclaim && now - last_reclaim_ns >= RECLAIM_EVERY_MS * 1000000ull,
      .target = config.limit - config.reserve - r->need - approved_room() - (r->makes_child ? expected_room() : 0),
  };
}

bool defer(const struct request *r)
{
  uint64_t now = now_ns();
  struct effort effort = next_effort(r, now);
  bool starts = effort.waits || effort.reclaims;
  if (!(starts || reclaiming) || deferred_count == MAX_DEFERRED)
    return false;
  if (starts) {
    if (!send_message(reclaimer_sock, &effort, sizeof effort, -1))
      return false;
    reclaiming = true;
    began_ns = now;
    has_ended &= !effort.waits;
    waits.count += effort.waits;
    reclaims += effort.reclaims;
  }
  deferred[deferred_count++] = (struct deferred){*r, *r->notification, .joined = !starts};
  return true;
}

bool defer_again(const struct request *r)
{
  return served[served_taken - 1].joined && defer(r);
}

int mind_reclaimer(void)
{
  if (!reclaiming)
    return -1;
  uint64_t waited_ms = (now_ns() - began_ns) / 1000000;
  if (waited_ms < LATEST_MS)
    return (int)(LATEST_MS - waited_ms);
  if (reclaimer_pid > 0)
    kill(reclaimer_pid, SIGKILL);
  return LATEST_MS;
}

bool end_reclaim(void)
{
  struct effort effort = {0};
  ssize_t received = receive_message(reclaimer_sock, &effort, sizeof effort, NULL, MSG_DONTWAIT);
  if (received < 0)
    return false;
  if (received == 0) { /* it was killed: waiting calls are decided now, and nothing more is reclaimed */
    unwatch(reclaimer_sock);
    reclaimer_sock = -1;
  }
  reclaiming = false;
  if (effort.waits)
    waits.waited_ns += now_ns() - began_ns;
  has_ended |= effort.reached; /* more may be freed later */
  if (effort.reclaims)
    last_reclaim_ns = now_ns();
  memcpy(served, deferred, (size_t)deferred_count * sizeof *deferred);
  served_count = deferred_count;
  deferred_count = served_taken = 0;
  return true;
}

struct request *next_deferred(void)
{
  if (served_taken == served_count)
    return NULL;
  struct request *r = &served[served_taken].request;
  r->notification = &served[served_taken++].notification;
  return r;
}

int64_t reclaims_made(void)
{
  return reclaims;
}

struct rcu_waits rcu_waits(void)
{
  return waits;
}

bool is_reclaimer(pid_t pid)
{
  return pid == reclaimer_pid;
}

void forget_reclaimer(void)
{
  reclaimer_pid = -1;
}

void dismiss_reclaimer(void)
{
  kill_child(&reclaimer_pid);
}
