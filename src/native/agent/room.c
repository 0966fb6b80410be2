#include "room.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/clock.h"
#include "fail.h"
#include "fetch.h"
#include "mounts.h"
#include "program.h"
#include "root.h"
#include "settings.h"

#define ROOM "/kmem-room"
#define LOWER "room-lower" /* these two are below the first root */
#define UPPER "room-upper"

enum { UNMOUNT_TRIES = 200, COVERS = 64 };

static int base = -1; /* the guest's own root */
static struct stat base_stat;

void setup_rooms(void)
{
  base = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (base < 0 || fstat(base, &base_stat) < 0)
    fail("keep the root", errno, NULL);
  make_directory(ROOM, 0755);
}

static void enter(int directory)
{
  if (fchdir(directory) < 0)
    fail("enter a directory", errno, NULL);
}

static void setup_room_overlay(void)
{
  mount_or_fail("mount the upper layer", "tmpfs", "tmpfs", UPPER, 0, "size=60%,mode=755");
  make_directory(UPPER "/data", 0755);
  make_directory(UPPER "/work", 0755);
  struct stat st;
  if (stat(LOWER, &st) == 0)
    copy_attributes(UPPER "/data", &st);
  mount_or_fail("mount the overlay", "overlay", "overlay", ROOM, 0,
                has_fetched() ? "lowerdir=fetched:" LOWER ",upperdir=" UPPER "/data,workdir=" UPPER "/work"
                              : "lowerdir=" LOWER ",upperdir=" UPPER "/data,workdir=" UPPER "/work");
}

static void pivot(const char *old)
{
  if (syscall(SYS_pivot_root, ".", old) < 0 || chdir("/") < 0)
    fail("change the root", errno, old);
}

/* A terminal is the guest's own, which serves one run only: that must find it by its name. */
static void show_terminal(void)
{
  if (terminal >= 0 &&
      (umount2("/dev/pts", MNT_DETACH) < 0 || mount("/run/dev/pts", "/dev/pts", NULL, MS_BIND, NULL) < 0))
    fail("show the terminal", errno, NULL);
}

/* The guest's own root is at /run until setup_run covers it: that is where the groups are taken from. */
static void setup_room_mounts(void)
{
  mount_or_fail("mount /proc", "proc", "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_or_fail("mount /sys", "sysfs", "sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  try_mount("debugfs", "/sys/kernel/debug", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  try_mount("tracefs", "/sys/kernel/tracing", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  if (mount("/run/sys/fs/cgroup", "/sys/fs/cgroup", NULL, MS_BIND | MS_REC, NULL) < 0)
    fail("mount the cgroups", errno, NULL);
  mount_or_fail("mount /dev", "devtmpfs", "devtmpfs", "/dev", MS_NOSUID, "mode=755");
  setup_dev();
  show_terminal();
  setup_run();
  setup_run_directories();
  setup_tmp();
  setup_shares();
}

void open_room(void)
{
  enter(first_root);
  make_directory(LOWER, 0755);
  make_directory(UPPER, 0755);
  mount_or_fail("mount the host's root", "9p", "room", LOWER, MS_RDONLY, NINEP ",cache=loose");
  setup_room_overlay();
  if (chdir(ROOM) < 0)
    fail("enter the room", errno, NULL);
  pivot("run");
  setup_room_mounts();
}

/* What is mounted on /run, until it is the guest's own root. */
static void uncover_base(void)
{
  struct stat st;
  for (int i = 0;
       i < COVERS && stat("/run", &st) == 0 && (st.st_dev != base_stat.st_dev || st.st_ino != base_stat.st_ino); i++)
    umount2("/run", MNT_DETACH);
}

/* A file that was just closed may hold its file system for a moment. */
static bool unmount(const char *target)
{
  for (int i = 0; i < UNMOUNT_TRIES; i++) {
    if (umount2(target, 0) == 0)
      return true;
    if (errno != EBUSY)
      break;
    sleep_ms(i < 20 ? 1 : 10);
  }
  return false;
}

const char *close_room(void)
{
  sync_shares();
  uncover_base();
  enter(base);
  pivot("kmem-room");
  release_shares(ROOM);
  static const char *const targets[] = {"dev", "sys", "proc"};
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    char path[64] = ROOM "/";
    for (size_t n = sizeof ROOM, k = 0; (path[n] = targets[i][k]) != '\0'; n++, k++)
      ;
    umount2(path, MNT_DETACH);
  }
  if (!unmount(ROOM))
    return "its root";
  enter(first_root);
  bool gone = unmount(UPPER) && unmount(LOWER);
  enter(base);
  return gone ? NULL : "its files";
}
