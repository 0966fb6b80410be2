#include "reclaim.h"

#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/file.h"
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
};

static pid_t reclaimer_pid = -1;
static int reclaimer_sock = -1;
static bool reclaiming;
static uint64_t last_reclaim_ns;
static int64_t reclaims;

static struct {
  struct request request;
  struct seccomp_notif notification;
} deferred[MAX_DEFERRED];
static int deferred_count, deferred_taken;

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
    for (char byte; receive_message(pair[1], &byte, 1, NULL, 0) == 1;) {
      int64_t before = read_counter();
      write_file(config.reclaim_file, config.refresh_file ? "1T" : "0"); /* v2: as much as there is */
      /* Reclaimed objects are freed after a grace period of RCU. */
      for (int ms = 0; ms < RECLAIM_SHOWS_MS && read_counter() >= before; ms++)
        sleep_ms(1);
      send_message(pair[1], "r", 1, -1);
    }
    _exit(0);
  }
  close(pair[1]);
  reclaimer_sock = pair[0];
  watch(reclaimer_sock, TAG_RECLAIMER);
}

bool defer(const struct request *r)
{
  uint64_t now = now_ns();
  bool may_start = reclaimer_sock >= 0 && !reclaiming && now - last_reclaim_ns >= RECLAIM_EVERY_MS * 1000000ull;
  if (!(may_start || reclaiming) || deferred_count == MAX_DEFERRED)
    return false;
  if (may_start) {
    if (!send_message(reclaimer_sock, "r", 1, -1))
      return false;
    reclaiming = true;
    reclaims++;
  }
  deferred[deferred_count].request = *r;
  deferred[deferred_count].notification = *r->notification;
  deferred_count++;
  return true;
}

bool end_reclaim(void)
{
  char byte;
  ssize_t received = receive_message(reclaimer_sock, &byte, 1, NULL, MSG_DONTWAIT);
  if (received < 0)
    return false;
  if (received == 0) { /* somebody killed it: what waits is decided now, and nothing is reclaimed any more */
    unwatch(reclaimer_sock);
    reclaimer_sock = -1;
  }
  reclaiming = false;
  last_reclaim_ns = now_ns();
  return true;
}

struct request *next_deferred(void)
{
  if (deferred_taken == deferred_count) {
    deferred_taken = deferred_count = 0;
    return NULL;
  }
  struct request *r = &deferred[deferred_taken].request;
  r->notification = &deferred[deferred_taken++].notification;
  return r;
}

int64_t reclaims_made(void)
{
  return reclaims;
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
