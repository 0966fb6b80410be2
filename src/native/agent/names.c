#include "names.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *errno_name(int error)
{
  static char number[16];
  switch (error) {
#define NAME(e) \
  case e: return #e
    NAME(EPERM);
    NAME(ENOENT);
    NAME(ESRCH);
    NAME(EINTR);
    NAME(EIO);
    NAME(ENXIO);
    NAME(E2BIG);
    NAME(ENOEXEC);
    NAME(EBADF);
    NAME(EAGAIN);
    NAME(ENOMEM);
    NAME(EACCES);
    NAME(EFAULT);
    NAME(EBUSY);
    NAME(EEXIST);
    NAME(EXDEV);
    NAME(ENODEV);
    NAME(ENOTDIR);
    NAME(EISDIR);
    NAME(EINVAL);
    NAME(ENFILE);
    NAME(EMFILE);
    NAME(ENOTTY);
    NAME(ETXTBSY);
    NAME(EFBIG);
    NAME(ENOSPC);
    NAME(EROFS);
    NAME(EPIPE);
    NAME(ERANGE);
    NAME(ENAMETOOLONG);
    NAME(ENOSYS);
    NAME(ELOOP);
    NAME(ENOKEY);
    NAME(EKEYREJECTED);
    NAME(EPROTO);
    NAME(EOPNOTSUPP);
    NAME(ETIMEDOUT);
    NAME(ESTALE);
    NAME(EBADMSG);
#undef NAME
  }
  snprintf(number, sizeof number, "%d", error);
  return number;
}

static const struct {
  const char *name;
  int number;
} signals[] = {
#define SIGNAL(s) \
  {               \
#s, s         \
  }
    SIGNAL(SIGHUP),  SIGNAL(SIGINT),    SIGNAL(SIGQUIT), SIGNAL(SIGILL),    SIGNAL(SIGTRAP), SIGNAL(SIGABRT),
    SIGNAL(SIGBUS),  SIGNAL(SIGFPE),    SIGNAL(SIGKILL), SIGNAL(SIGUSR1),   SIGNAL(SIGSEGV), SIGNAL(SIGUSR2),
    SIGNAL(SIGPIPE), SIGNAL(SIGALRM),   SIGNAL(SIGTERM), SIGNAL(SIGSTKFLT), SIGNAL(SIGCHLD), SIGNAL(SIGCONT),
    SIGNAL(SIGSTOP), SIGNAL(SIGTSTP),   SIGNAL(SIGTTIN), SIGNAL(SIGTTOU),   SIGNAL(SIGURG),  SIGNAL(SIGXCPU),
    SIGNAL(SIGXFSZ), SIGNAL(SIGVTALRM), SIGNAL(SIGPROF), SIGNAL(SIGWINCH),  SIGNAL(SIGIO),   SIGNAL(SIGPWR),
    SIGNAL(SIGSYS),
#undef SIGNAL
};

int signal_number(const char *name)
{
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    if (!strcmp(signals[i].name, name))
      return signals[i].number;
  return 0;
}

const char *signal_name(int number)
{
  static char other[24];
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    if (signals[i].number == number)
      return signals[i].name;
  snprintf(other, sizeof other, "SIGRTMIN+%d", number - SIGRTMIN);
  return other;
}
