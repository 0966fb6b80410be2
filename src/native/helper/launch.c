#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "../common/file.h"
#include "clone3.h"
#include "filter.h"
#include "message.h"

static sigset_t original_mask;

void keep_signal_mask(const sigset_t *mask)
{
  original_mask = *mask;
}

/* The joiner may itself hold the listener; exit_group(2) would then wait for an answer that nobody gives any more. */
static _Noreturn void end_unsupervised(void)
{
  kill(getpid(), SIGKILL);
  _exit(126);
}

static _Noreturn void child_fail(int sock, const char *stage)
{
  struct status s = {.kind = 'E', .error = errno};
  snprintf(s.stage, sizeof s.stage, "%s", stage);
  if (!send_message(sock, &s, sizeof s, -1))
    end_unsupervised();
  _exit(126);
}

static void await_status(int sock, char kind)
{
  struct status s;
  if (receive_message(sock, &s, sizeof s, NULL, 0) != sizeof s || s.kind != kind)
    end_unsupervised();
}

static void setup_stdin(int sock, const struct step_request *request)
{
  if (!request->null_stdin)
    return;
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || dup2(null, 0) < 0)
    child_fail(sock, "stdin");
  close(null);
}

static void setup_randomisation(int sock)
{
  if (config.aslr)
    return;
  int current = personality(0xffffffff);
  if (current < 0 || personality((unsigned long)current | ADDR_NO_RANDOMIZE) < 0)
    child_fail(sock, "personality");
}

/* The supervisor's own score is not for the command. */
static void setup_oom_score(int sock)
{
  if (config.oom_score && !write_file("/proc/self/oom_score_adj", config.oom_score))
    child_fail(sock, "oom-score");
}

static void setup_affinity(int sock)
{
  if (config.has_cpus && sched_setaffinity(0, sizeof config.cpus, &config.cpus) < 0)
    child_fail(sock, "affinity");
}

static int setup_filter(int sock, struct status *s)
{
  if (!config.gate)
    return -1;
  int listener = install_built_filter(&s->no_new_privs, &s->killable);
  if (listener < 0)
    child_fail(sock, "listener");
  return listener;
}

static void setup_signals(void)
{
  for (int s = 1; s < NSIG; s++)
    if (s != SIGKILL && s != SIGSTOP)
      signal(s, SIG_DFL);
  sigprocmask(SIG_SETMASK, &original_mask, NULL);
}

static void setup_identity(int sock)
{
  if (!config.has_identity)
    return;
  if (setgroups(config.group_count, config.groups) < 0 || setresgid(config.gid, config.gid, config.gid) < 0 ||
      setresuid(config.uid, config.uid, config.uid) < 0)
    child_fail(sock, "identity");
}

static void setup_directory(int sock, const struct step_request *request)
{
  if (request->directory && chdir(request->directory) < 0)
    child_fail(sock, "directory");
}

/* Opened before the join, so that the group is not charged for it; used afterwards. */
static struct {
  int join[MAX_LIST], late_join[MAX_LIST], join_into, clone_into;
} opened = {.join_into = -1, .clone_into = -1};

static void setup_descriptors(int sock)
{
  for (int i = 0; i < config.join_count; i++)
    if ((opened.join[i] = open(config.join[i], O_WRONLY | O_CLOEXEC)) < 0)
      child_fail(sock, "join");
  for (int i = 0; i < config.late_join_count; i++)
    if ((opened.late_join[i] = open(config.late_join[i], O_WRONLY | O_CLOEXEC)) < 0)
      child_fail(sock, "join");
  if (config.join_into && (opened.join_into = open(config.join_into, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
    child_fail(sock, "join");
  if (config.clone_into && (opened.clone_into = open(config.clone_into, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
    child_fail(sock, "join");
}

static void join_group(int sock, const int *files, int count)
{
  for (int i = 0; i < count; i++)
    if (write(files[i], "0", 1) != 1)
      child_fail(sock, "join");
}

static void join_directory(int sock, int directory)
{
  int procs = openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  join_group(sock, &procs, 1);
}

static _Noreturn void command_main(int sock, const struct step_request *request)
{
  struct status s = {.kind = 'C', .pid = getpid()};
  join_group(sock, opened.late_join, config.late_join_count);
  send_message(sock, &s, sizeof s, -1);
  await_status(sock, 'g');
  setup_affinity(sock);
  setup_identity(sock);
  setup_directory(sock, request);
  setup_signals();
  execve(request->path, request->argv, request->envp);
  if (errno == ENOEXEC) { /* as execvp(3): a script without #! */
    size_t n = 0;
    while (request->argv[n])
      n++;
    char *argv[n + 2];
    argv[0] = (char *)(uintptr_t) "sh";
    argv[1] = request->path;
    for (size_t i = 1; i <= n; i++)
      argv[i + 1] = request->argv[i];
    execve("/bin/sh", argv, request->envp);
  }
  child_fail(sock, "exec");
}

/*
 * Like vfork, the command borrows the joiner's address space until it execs, so that no copy of ours is charged to the
 * group.  CLONE_PARENT makes it the supervisor's child.  Returns in the joiner only: 0, or an errno.
 */
static __attribute__((noinline)) int start_command(int sock, const struct step_request *request)
{
  struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT};
  if (opened.clone_into >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (uint64_t)opened.clone_into;
  }
  long pid = raw_clone3(&args);
  if (pid == 0)
    command_main(sock, request);
  if (pid > 0)
    return 0;
  if (pid != -ENOSYS && pid != -EINVAL)
    return (int)-pid;
  /* Some container profiles block clone3; the command then moves itself. */
  pid_t forked = fork();
  if (forked == 0) {
    if (opened.clone_into >= 0)
      join_directory(sock, opened.clone_into);
    command_main(sock, request);
  }
  return forked < 0 ? errno : 0;
}

/*
 * On v2 the only way to join without waiting for an RCU grace period is to be born there.  So the joiner has a deputy,
 * also vfork-like, in a leaf of the group; creating a task is charged to its parent's group: the deputy to ours, and
 * the command to the group.  Returns in the joiner only: 0, or an errno.
 */
static __attribute__((noinline)) int start_by_deputy(int sock, const struct step_request *request)
{
  struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_INTO_CGROUP,
                            .cgroup = (uint64_t)opened.join_into};
  long pid = raw_clone3(&args);
  if (pid == 0) {
    errno = start_command(sock, request);
    if (errno != 0)
      child_fail(sock, "fork");
    _exit(0);
  }
  return pid > 0 ? 0 : (int)-pid;
}

static int start_in_group(int sock, const struct step_request *request)
{
  if (opened.join_into < 0)
    return start_command(sock, request);
  int error = start_by_deputy(sock, request);
  if (error != ENOSYS && error != EINVAL)
    return error;
  join_directory(sock, opened.join_into);
  return start_command(sock, request);
}

_Noreturn void joiner_main(int sock, const struct step_request *request)
{
  if (sock != 3) {
    dup3(sock, 3, O_CLOEXEC);
    sock = 3;
  }
  close_range(4, ~0u, 0);
  setup_stdin(sock, request);
  setup_randomisation(sock);
  setup_oom_score(sock);
  setup_descriptors(sock);
  struct status s = {.kind = 'N'};
  int listener = setup_filter(sock, &s);
  if (listener >= 0)
    s.kind = 'L';
  if (!send_message(sock, &s, sizeof s, listener))
    end_unsupervised();
  await_status(sock, 'f');
  if (listener >= 0)
    close(listener);
  /* It holds no listener any more, and the supervisor of an ordinary user could not read what its calls are about. */
  prctl(PR_SET_DUMPABLE, 1);
  join_group(sock, opened.join, config.join_count);
  errno = start_in_group(sock, request);
  if (errno != 0)
    child_fail(sock, "fork");
  _exit(0);
}
