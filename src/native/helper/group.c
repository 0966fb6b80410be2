#include "group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/file.h"
#include "clone3.h"
#include "config.h"
#include "proc.h"

enum {
  KILL_DEADLINE_MS = 10000,
  KILL_STALLED_MS = 2000, /* a group that has not shrunk for this long is given up after the deadline */
};

/* Whether a line of /proc/PID/cgroup leads through this directory name. */
static bool leads_through(const char *cgroups, const char *name)
{
  size_t length = strlen(name);
  for (const char *at = cgroups; (at = strstr(at, name)) != NULL; at += length)
    if (at > cgroups && at[-1] == '/' && strchr("/\n", at[length]) != NULL)
      return true;
  return false;
}

/* The kernel does not report overlong paths.  The list named the process, so it counts. */
static bool tells_of(pid_t pid, const char *file, const char *name)
{
  char text[8192];
  errno = 0;
  return read_proc(pid, file, text, sizeof text) ? leads_through(text, name) : errno == ENAMETOOLONG;
}

/* cgroup v1 reports an exited thread in the root, even a leader whose other threads still run. */
static bool is_in(pid_t pid, const char *directory)
{
  char path[64];
  const char *name = strrchr(directory, '/') + 1;
  if (tells_of(pid, "cgroup", name))
    return true;
  bool found = false;
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *threads = opendir(path);
  for (struct dirent *entry; threads && !found && (entry = readdir(threads)) != NULL;) {
    snprintf(path, sizeof path, "task/%.20s/cgroup", entry->d_name);
    found = entry->d_name[0] != '.' && tells_of(pid, path, name);
  }
  if (threads)
    closedir(threads);
  return found;
}

static bool is_child(pid_t pid, const char *unused)
{
  char text[1024];
  (void)unused;
  return read_proc(pid, "stat", text, sizeof text) && stat_field(text, 4) == (uint64_t)getpid();
}

/*
 * The number was read from a list, and may belong to another process by now.  A pidfd stays with one process: a check
 * of the number after opening it applies to the process that the signal reaches.
 */
static bool kill_listed(pid_t pid, bool (*belongs)(pid_t, const char *), const char *directory)
{
  int process = (int)syscall(SYS_pidfd_open, pid, 0);
  if (process < 0) /* before Linux 5.3, or not allowed */
    return errno != ESRCH && belongs(pid, directory) && kill(pid, SIGKILL) == 0;
  bool killed = belongs(pid, directory) && syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) == 0;
  close(process);
  return killed;
}

/* Opens a nested group by its name in the open directory: its path may exceed the maximum length of a path. */
static DIR *open_directory(int parent, const char *name)
{
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (fd >= 0 && dir == NULL)
    close(fd);
  return dir;
}

static bool is_group(const struct dirent *entry)
{
  return entry->d_type == DT_DIR && entry->d_name[0] != '.';
}

/* `name`: `group`, or one within it.  Returns the number of processes found. */
static int kill_tree(int parent, const char *name, const char *group)
{
  int found = 0;
  DIR *dir = open_directory(parent, name);
  if (dir == NULL)
    return 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
    if (is_group(entry))
      found += kill_tree(dirfd(dir), entry->d_name, group);
  int fd = openat(dirfd(dir), "cgroup.procs", O_RDONLY | O_CLOEXEC);
  closedir(dir);
  FILE *procs = fd < 0 ? NULL : fdopen(fd, "r");
  if (procs == NULL)
    return found;
  for (int pid; fscanf(procs, "%d", &pid) == 1;)
    if (pid > 0) {
      found++;
      kill_listed(pid, is_in, group);
    }
  fclose(procs);
  return found;
}

static void remove_tree(int parent, const char *name)
{
  DIR *dir = open_directory(parent, name);
  if (dir == NULL)
    return;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
    if (is_group(entry))
      remove_tree(dirfd(dir), entry->d_name);
  closedir(dir);
  unlinkat(parent, name, AT_REMOVEDIR);
}

int kill_group_once(void)
{
  int found = 0;
  for (int i = 0; i < config.kill_file_count; i++)
    write_file(config.kill_file[i], "1");
  for (int i = 0; i < config.directory_count; i++)
    found += kill_tree(AT_FDCWD, config.directory[i], config.directory[i]);
  return found;
}

static bool group_exists(void)
{
  for (int i = 0; i < config.directory_count; i++)
    if (access(config.directory[i], F_OK) == 0)
      return true;
  return false;
}

/*
 * The runner does this itself while it lives; this is for when it does not.  There is no deadline while processes keep
 * exiting: on a slow machine a large group takes longer.
 */
void kill_and_remove_group(void)
{
  uint64_t deadline = now_ns() + KILL_DEADLINE_MS * 1000000ull;
  int fewest = INT_MAX;
  while (now_ns() < deadline) {
    /* An exiting process is no longer listed, but still keeps the directory. */
    bool fewer = false;
    while (waitpid(-1, NULL, WNOHANG) > 0)
      fewer = true;
    int left = kill_group_once();
    fewer |= left < fewest;
    uint64_t stalled = now_ns() + KILL_STALLED_MS * 1000000ull;
    if (fewer && deadline < stalled)
      deadline = stalled;
    if (left < fewest)
      fewest = left;
    if (left == 0)
      for (int i = config.directory_count - 1; i >= 0; i--)
        remove_tree(AT_FDCWD, config.directory[i]);
    if (!group_exists()) {
      if (config.lock_file)
        unlink(config.lock_file);
      return;
    }
    sleep_ms(2);
  }
}

int kill_descendants(void)
{
  char path[64];
  int reaped = 0;
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  for (int round = 0; round < 1000; round++) {
    bool found = false;
    FILE *children = fopen(path, "re"); /* read to the end: a partial read may end within a number */
    for (int pid; children && fscanf(children, "%d", &pid) == 1;)
      found |= kill_listed(pid, is_child, NULL);
    if (children)
      fclose(children);
    if (!found)
      break;
    sleep_ms(1);
    while (waitpid(-1, NULL, WNOHANG) > 0)
      reaped++;
  }
  return reaped;
}

pid_t fork_in_group(void)
{
  int directory = open(config.join_into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)directory};
  long pid = directory < 0 ? -1 : raw_clone3(&args);
  bool joins = pid == -ENOSYS; /* some container profiles block clone3 */
  if (joins)
    pid = fork();
  if (pid == 0 && joins) {
    int procs = openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (write(procs, "0", 1) != 1)
      _exit(1);
    close(procs);
  }
  if (directory >= 0)
    close(directory);
  return pid < 0 ? -1 : (pid_t)pid;
}

void end_with(pid_t parent)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(126);
}

void kill_child(pid_t *child)
{
  if (*child > 0 && kill(*child, SIGKILL) == 0)
    waitpid(*child, NULL, 0);
  *child = -1;
}
