#include "guardian.h"

#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/event.h"
#include "events.h"
#include "group.h"
#include "message.h"

static pid_t guardian_pid = -1;
static int guardian_sock = -1;

static void guardian_main(int sock)
{
  setsid();
  prctl(PR_SET_NAME, "kmem-guardian");
  silence_stdio();
  close_others(sock, LOCK_FD);
  for (;;) {
    char byte;
    int listener; /* kept open by not closing it */
    ssize_t n = receive_message(sock, &byte, 1, &listener, 0);
    if (n <= 0) {
      kill_and_remove_group();
      _exit(0);
    }
    send_message(sock, "k", 1, -1);
  }
}

bool start_guardian(void)
{
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return false;
  guardian_pid = fork();
  if (guardian_pid == 0)
    guardian_main(pair[1]);
  close(pair[1]);
  guardian_sock = pair[0];
  return guardian_pid > 0;
}

bool share_with_guardian(int listener)
{
  char byte;
  return send_message(guardian_sock, "l", 1, listener) && receive_message(guardian_sock, &byte, 1, NULL, 0) == 1;
}

bool is_guardian(pid_t pid)
{
  return pid == guardian_pid;
}

void dismiss_guardian(void)
{
  kill_child(&guardian_pid);
}

void handle_guardian_exit(void)
{
  event("guardian-lost");
  send_event();
  guardian_pid = -1;
  kill_group_once();
}
