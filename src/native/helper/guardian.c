#include "guardian.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/event.h"
#include "../common/file.h"
#include "config.h"
#include "events.h"
#include "group.h"
#include "loop.h"
#include "message.h"

/* The first byte of a message to the guardian. */
enum { LISTENER = 'l', WORD = 'w', RELEASE = 'r' };

static int guardian_sock = -1;

static void apply_word(char *word)
{
  configure(word);
  if (config.has_cpus)
    sched_setaffinity(0, sizeof config.cpus, &config.cpus);
  if (config.oom_score)
    write_file("/proc/self/oom_score_adj", "-1000");
}

/* False if the child is gone. */
static bool handle_order(int sock, bool *released)
{
  char order[PATH_MAX + 32];
  int listener; /* not closed, so it stays open */
  ssize_t n = receive_message(sock, order, sizeof order - 1, &listener, 0);
  if (n <= 0)
    return false;
  order[n] = '\0';
  *released |= order[0] == RELEASE;
  if (order[0] == WORD)
    apply_word(order + 1);
  if (order[0] == LISTENER)
    send_message(sock, "k", 1, -1);
  return true;
}

/* SIGCONT: the runner may have died; it also continues a guardian that was stopped. */
static int open_orders(void)
{
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCONT);
  sigaddset(&mask, SIGUSR1);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  prctl(PR_SET_PDEATHSIG, SIGCONT);
  return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The runner is gone, or requests it by SIGUSR1. */
static bool is_to_end(int orders, pid_t runner)
{
  struct signalfd_siginfo info;
  bool asked = false;
  while (read(orders, &info, sizeof info) == sizeof info)
    asked |= info.ssi_signo == SIGUSR1 && info.ssi_pid == (uint32_t)runner;
  return asked || getppid() != runner;
}

static _Noreturn void guardian_main(int sock, pid_t child, pid_t runner)
{
  bool released = false;
  setsid();
  prctl(PR_SET_NAME, "kmem-guardian");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  silence_stdio();
  close_others(sock, LOCK_FD);
  int orders = open_orders();
  for (;;) {
    struct pollfd p[] = {{.fd = sock, .events = POLLIN}, {.fd = orders, .events = POLLIN}};
    if (is_to_end(orders, runner)) {
      kill(child, SIGKILL); /* it is not reaped before the end, so its pid stays valid */
      released = false;
      break;
    }
    if (poll(p, 2, -1) > 0 && p[0].revents != 0 && !handle_order(sock, &released))
      break;
  }
  if (!released)
    kill_and_remove_group();
  kill_descendants();
  _exit(0);
}

int start_guardian(void)
{
  int pair[2];
  pid_t runner = getppid();
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return -1;
  pid_t child = fork();
  if (child < 0)
    return -1;
  if (child > 0) {
    close(pair[0]);
    guardian_main(pair[1], child, runner);
  }
  prctl(PR_SET_PDEATHSIG, SIGCONT); /* when stopped, it would miss the guardian's death */
  close(pair[1]);
  return guardian_sock = pair[0];
}

void tell_guardian(const char *word)
{
  static const char *const needed[] = {"directory=", "kill=", "lock-file=", "cpus=", "oom-score="};
  char order[PATH_MAX + 32];
  for (unsigned i = 0; i < sizeof needed / sizeof *needed; i++)
    if (!strncmp(word, needed[i], strlen(needed[i]))) {
      int n = snprintf(order, sizeof order, "%c%s", WORD, word);
      send_message(guardian_sock, order, (size_t)n < sizeof order ? (size_t)n : sizeof order - 1, -1);
    }
}

bool share_with_guardian(int listener)
{
  char byte = LISTENER;
  if (!send_message(guardian_sock, &byte, 1, listener))
    return false;
  kill(getppid(), SIGCONT); /* it may have been stopped, and we wait for it */
  return receive_message(guardian_sock, &byte, 1, NULL, 0) == 1;
}

void release_guardian(void)
{
  char byte = RELEASE;
  send_message(guardian_sock, &byte, 1, -1);
  kill(getppid(), SIGCONT);
}

void handle_guardian_end(void)
{
  char byte;
  if (receive_message(guardian_sock, &byte, 1, NULL, MSG_DONTWAIT) < 0 && errno == EAGAIN)
    return;
  unwatch(guardian_sock);
  event("guardian-lost");
  send_event();
  kill_group_once();
}
