#include "root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/file.h"
#include "config.h"
#include "fail.h"
#include "fetch.h"
#include "mounts.h"

int first_root = -1;
bool contained;

void setup_first_mounts(void)
{
  static const char *const directories[] = {"/proc", "/sys", "/dev", "/lower", "/fetched", "/upper", "/new"};
  for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
    make_directory(directories[i], 0755);
  mount_or_fail("mount /proc", "proc", "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_or_fail("mount /sys", "sysfs", "sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  try_mount("debugfs", "/sys/kernel/debug", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  try_mount("tracefs", "/sys/kernel/tracing", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755") < 0 && errno != EBUSY)
    fail("mount /dev", errno, NULL);
}

void setup_lower(void)
{
  mount_or_fail("mount the host's root", "9p", "root", "/lower", MS_RDONLY, NINEP ",cache=loose");
}

/* /lib64 and its like lead to the folders below /usr. */
static void copy_top_links(void)
{
  DIR *directory = opendir("/lower");
  for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
    char to[300], target[300];
    ssize_t n = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
    if (n <= 0)
      continue;
    target[n] = '\0';
    snprintf(to, sizeof to, "/upper/data/%s", entry->d_name);
    if (symlink(target, to) < 0)
      fail("copy a link", errno, to);
  }
  if (directory != NULL)
    closedir(directory);
}

void setup_overlay(bool serves)
{
  contained = serves && has_fetched() && is_fetch_complete();
  mount_or_fail("mount the upper layer", "tmpfs", "tmpfs", "/upper", 0, "size=80%,mode=755");
  make_directory("/upper/data", 0755);
  make_directory("/upper/work", 0755);
  struct stat st;
  if (stat("/lower", &st) == 0)
    copy_attributes("/upper/data", &st);
  if (contained)
    copy_top_links();
  const char *lower = contained       ? "lowerdir=/fetched,upperdir=/upper/data,workdir=/upper/work"
                      : has_fetched() ? "lowerdir=/fetched:/lower,upperdir=/upper/data,workdir=/upper/work"
                                      : "lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work";
  mount_or_fail("mount the overlay", "overlay", "overlay", "/new", 0, lower);
}

void release_lower(void)
{
  if (!contained)
    return;
  if (fchdir(first_root) < 0 || umount2("lower", 0) < 0 || chdir("/") < 0)
    fail("unmount the host's root", errno, NULL);
}

void setup_root(void)
{
  first_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  move_to("/proc", "/new/proc");
  move_to("/sys", "/new/sys");
  move_to("/dev", "/new/dev");
  if (chdir("/new") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
    fail("change the root", errno, NULL);
}

void setup_dev(void)
{
  make_directory("/dev/pts", 0755);
  make_directory("/dev/shm", 01777);
  make_directory("/dev/mqueue", 01777);
  mount_or_fail("mount /dev/pts", "devpts", "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
  mount_or_fail("mount /dev/shm", "tmpfs", "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
  try_mount("mqueue", "/dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                         {"/proc/self/fd/0", "/dev/stdin"},
                                         {"/proc/self/fd/1", "/dev/stdout"},
                                         {"/proc/self/fd/2", "/dev/stderr"}};
  for (size_t i = 0; i < sizeof links / sizeof *links; i++)
    if (symlink(links[i][0], links[i][1]) < 0)
      errno = 0;
}

void setup_run(void)
{
  make_directory("/run", 0755);
  mount_or_fail("mount /run", "tmpfs", "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755");
}

/*
 * Servers expect the folders that their packages or a service manager created; their contents belong to the host's
 * processes.
 */
void setup_run_directories(void)
{
  for (int i = 0; i < config.directory_count; i++) {
    char path[300];
    unsigned mode, uid, gid;
    int at;
    if (sscanf(config.directory[i], "%o %u %u %n", &mode, &uid, &gid, &at) != 3)
      fail("read the configuration", EINVAL, config.directory[i]);
    snprintf(path, sizeof path, "/run/%.255s", config.directory[i] + at);
    if (mkdir(path, 0755) == 0 && (chown(path, uid, gid) < 0 || chmod(path, mode) < 0))
      fail("create a directory", errno, path);
  }
  make_directory("/run/lock", 01777);
  chmod("/run/lock", 01777);
}

void setup_tmp(void)
{
  struct stat st;
  make_directory("/tmp", 01777);
  if (stat("/tmp", &st) == 0 && (st.st_mode & 07777) != 01777)
    chmod("/tmp", 01777);
}

bool raise_loopback(void)
{
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo"};
  bool up = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0;
  request.ifr_flags |= IFF_UP;
  up = up && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  if (fd >= 0)
    close(fd);
  return up;
}

void setup_loopback(void)
{
  if (!raise_loopback())
    fail("bring the loopback interface up", errno, NULL);
}

void setup_self(void)
{
  prctl(PR_SET_NAME, "kmem-agent");
  write_file("/proc/self/oom_score_adj", "-1000");
  umask(022);
  signal(SIGPIPE, SIG_IGN);
}
