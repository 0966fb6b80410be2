#include "spaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "fail.h"
#include "root.h"

#define PARKED "/tmp" /* where a mount is put while what is below it changes */

static bool mounts_anew(const char *type, const char *target)
{
  return mount(type, target, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}

/* The guest's own root is below /run, and /sys shows another network. */
static bool setup_mounts(void)
{
  if (mount("/run", PARKED, NULL, MS_MOVE, NULL) < 0 || umount2("/run", MNT_DETACH) < 0 ||
      mount(PARKED, "/run", NULL, MS_MOVE, NULL) < 0)
    return false;
  if (mount("/sys/fs/cgroup", PARKED, NULL, MS_MOVE, NULL) < 0 || umount2("/sys", MNT_DETACH) < 0 ||
      !mounts_anew("sysfs", "/sys") || mount(PARKED, "/sys/fs/cgroup", NULL, MS_MOVE, NULL) < 0)
    return false;
  mounts_anew("debugfs", "/sys/kernel/debug");
  mounts_anew("tracefs", "/sys/kernel/tracing");
  if (umount2("/dev/mqueue", MNT_DETACH) == 0)
    mounts_anew("mqueue", "/dev/mqueue");
  return true;
}

static _Noreturn void hold_spaces(int ready)
{
  int error = 0;
  prctl(PR_SET_NAME, "kmem-room");
  if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) < 0 || !setup_mounts() || !raise_loopback() ||
      (config.hostname && sethostname(config.hostname, strlen(config.hostname)) < 0))
    error = errno;
  if (write(ready, &error, sizeof error) != sizeof error)
    _exit(1);
  syscall(SYS_close_range, 3, ~0u, 0); /* whoever reads and writes the run's streams is told by their ends */
  for (;;)
    pause();
}

pid_t open_spaces(void)
{
  int ready[2], error = EIO;
  if (pipe2(ready, O_CLOEXEC) < 0)
    fail("make a pipe", errno, NULL);
  pid_t holder = fork();
  if (holder == 0)
    hold_spaces(ready[1]);
  close(ready[1]);
  if (holder > 0 && read(ready[0], &error, sizeof error) != sizeof error)
    error = EIO;
  close(ready[0]);
  if (holder < 0 || error != 0)
    fail("make the run's namespaces", holder < 0 ? errno : error, NULL);
  return holder;
}
