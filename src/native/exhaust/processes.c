#include "processes.h"

#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "object.h"

enum { THREADS = 1000 };

int make_fork(void)
{
  pid_t pid = fork();
  if (pid == 0)
    for (;;)
      pause();
  return keep_id(pid);
}

void end_fork(int i)
{
  kill(number[i], SIGKILL);
  waitpid(number[i], NULL, 0);
}

/* Like pause(2), which arm64 lacks. */
int wait_for_ever(void *unused)
{
  while (syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0) < 0)
    (void)unused;
  return 0;
}

void map_stacks(void)
{
  region = mmap(NULL, THREADS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

int make_thread(void)
{
  int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  return clone(wait_for_ever, region + (made + 1) * PAGE, flags, NULL);
}
