#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "../common/file.h"
#include "config.h"
#include "fail.h"
#include "mounts.h"

enum { SEED_MAX = 128 };

void setup_clock(void)
{
  struct timespec ts = {config.time_ms / 1000, config.time_ms % 1000 * 1000000};
  if (config.time_ms > 0 && clock_settime(CLOCK_REALTIME, &ts) < 0)
    fail("set the clock", errno, NULL);
}

/* Guests restored from one snapshot would otherwise have the same random numbers.  random(4) */
void setup_random(void)
{
  struct {
    struct rand_pool_info info;
    char bytes[SEED_MAX];
  } pool = {.info = {0}};
  size_t size = config.seed == NULL ? 0 : strnlen(config.seed, SEED_MAX);
  if (size == 0)
    return;
  memcpy(pool.bytes, config.seed, size);
  pool.info.buf_size = (int)size;
  pool.info.entropy_count = (int)size * 4; /* bits: it is hexadecimal */
  int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
    fail("seed the random numbers", errno, NULL);
  close(fd);
}

void setup_hostname(void)
{
  if (config.hostname && sethostname(config.hostname, strlen(config.hostname)) < 0)
    fail("set the host's name", errno, config.hostname);
}

void setup_cgroups(void)
{
  static const char *const controllers[] = {"memory", "pids", "cpu,cpuacct", "freezer"};
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (!config.v1) {
    mount_or_fail("mount cgroup v2", "cgroup2", "cgroup2", "/sys/fs/cgroup", flags, NULL);
    return;
  }
  mount_or_fail("mount cgroup v1", "tmpfs", "tmpfs", "/sys/fs/cgroup", flags, "mode=755");
  for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
    char path[64];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s", controllers[i]);
    make_directory(path, 0755);
    if (mount("cgroup", path, "cgroup", flags, controllers[i]) < 0)
      rmdir(path);
  }
  /* Before any other group exists: otherwise limits do not hold for nested ones (Linux < 5.11). */
  write_file("/sys/fs/cgroup/memory/memory.use_hierarchy", "1");
  make_directory("/sys/fs/cgroup/unified", 0755);
  mount_or_fail("mount the unified cgroup hierarchy", "cgroup2", "cgroup2", "/sys/fs/cgroup/unified", flags, NULL);
}

void setup_shares(void)
{
  for (int i = 0; i < config.share_count; i++) {
    char tag[64];
    const char *path = strchr(config.share[i], ':') + 1;
    snprintf(tag, sizeof tag, "%.*s", (int)(path - 1 - config.share[i]), config.share[i]);
    if (*path != '/' || path[1] == '\0') /* nobody would see what is mounted over the root */
      fail("share a folder", EINVAL, config.share[i]);
    make_parents(path);
    if (mount(tag, path, "9p", 0, NINEP ",cache=mmap") < 0)
      fail("share a folder", errno, config.share[i]);
  }
}

void sync_shares(void)
{
  for (int i = 0; i < config.share_count; i++) {
    int fd = open(strchr(config.share[i], ':') + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
      syncfs(fd);
      close(fd);
    }
  }
}

void release_shares(const char *root)
{
  for (int i = config.share_count - 1; i >= 0; i--) {
    char path[4300];
    snprintf(path, sizeof path, "%s%s", root, strchr(config.share[i], ':') + 1);
    umount2(path, MNT_DETACH);
  }
}
