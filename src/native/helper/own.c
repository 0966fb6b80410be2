#include "own.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/event.h"
#include "events.h"
#include "group.h"
#include "guardian.h"
#include "inbox.h"
#include "message.h"

static pid_t program; /* 0: it has exited */

static void become(const char *user, const char *group)
{
  gid_t gid = (gid_t)strtoul(group, NULL, 10);
  uid_t uid = (uid_t)strtoul(user, NULL, 10);
  if (*user == '\0')
    return;
  setgroups(0, NULL); /* only root may, and needs to */
  if (setgid(gid) < 0 || setuid(uid) < 0)
    _exit(126);
}

/* 0 if it was executed; otherwise an errno. */
static int start_program(char **words, const sigset_t *mask)
{
  int result[2], error = 0;
  if (pipe2(result, O_CLOEXEC) < 0)
    return errno;
  program = fork();
  if (program == 0) {
    setsid();
    become(words[0], words[1]);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of identity would clear it */
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(words[2], words + 2);
    error = errno;
    if (write(result[1], &error, sizeof error) < 0)
      _exit(126);
    _exit(127);
  }
  close(result[1]);
  error = program < 0 ? errno : 0;
  if (read(result[0], &error, sizeof error) < 0)
    error = errno;
  close(result[0]);
  return error;
}

static void report_end(int status)
{
  event("exit");
  field_figure("code", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  field_figure("signal", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
  send_event();
}

/* False if none of its descendants is left. */
static bool reap_all(void)
{
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
    if (pid == program) {
      program = 0;
      report_end(status);
    }
  return pid == 0;
}

/* False if the runner is gone, or no longer needs the started program. */
static bool handle_words(void)
{
  static struct inbox inbox;
  size_t room;
  char *free_space = inbox_room(&inbox, &room);
  ssize_t n = recv(CONTROL_FD, free_space, room, MSG_DONTWAIT);
  if (n <= 0)
    return n < 0 && errno == EAGAIN;
  inbox.used += (size_t)n;
  for (char **words; (words = next_message(&inbox)) != NULL; end_message(&inbox)) {
    if (words[0] != NULL && words[1] != NULL && program > 0)
      kill(-program, atoi(words[1])); /* its leader is not reaped, so the number stays valid */
    free(words);
  }
  return true;
}

int own(char **words)
{
  sigset_t mask, original;
  struct signalfd_siginfo info;
  allocate_queue();
  fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
  int guardian = start_guardian();
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigprocmask(SIG_BLOCK, &mask, &original);
  int signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int error = guardian < 0 || signals < 0 ? errno : start_program(words, &original);
  silence_stdio(); /* readers of the program's output wait for its end */
  if (error != 0) {
    send_setup_error("own", error, NULL);
    release_guardian();
    return 1;
  }
  for (;;) {
    struct pollfd p[] = {
        {.fd = CONTROL_FD, .events = POLLIN}, {.fd = signals, .events = POLLIN}, {.fd = guardian, .events = POLLIN}};
    poll(p, 3, -1);
    if (read(signals, &info, sizeof info) == sizeof info && !reap_all())
      break;
    if (p[2].revents != 0 || (p[0].revents != 0 && !handle_words()))
      break;
  }
  kill_descendants();
  /* If the runner writes to a closed socket, Node.js drops what it has not read yet. */
  shutdown(CONTROL_FD, SHUT_WR);
  for (char rest[256]; recv(CONTROL_FD, rest, sizeof rest, 0) > 0;)
    continue;
  release_guardian();
  return 0;
}
