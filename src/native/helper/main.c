/*
 * kmem-helper: start a command inside a cgroup and fail its allocating system calls while the
 * group's kernel-memory counter is over a limit.
 *
 * THEORY OF OPERATION
 *
 * Processes.  The runner (Node) starts one `kmem-helper supervise`, which is the guardian.  From it come, each from the one
 * before:
 *
 *   guardian    in a session of its own, holds a copy of every listener.  If the supervisor dies, calls block (the copy
 *               keeps the listener open) instead of failing with ENOSYS, and the guardian kills the group at once, and
 *               all that the supervisor has started: they are its own children then (a subreaper), also those that have
 *               left the group.  If the guardian dies, the supervisor does that.
 *   supervisor  stays outside the group, answers notifications, reaps, reports to the runner.  It is a
 *               subreaper: daemons that double-fork become its children, so their exits are seen and
 *               nothing that the command started can hide from teardown.
 *   reclaimer   only with reclaim on: asks the kernel to reclaim, which may take 100 ms, off the
 *               notification path.
 *   joiner      one per step, short-lived, on cgroup v2 with a deputy that is born in the group.  It installs the
 *               filter, hands the listener over, joins the group, forks the command and exits.  What a task
 *               allocated before it joined is never charged to the group, therefore the fork: the command's own
 *               task, stack and address space are charged.
 *   command     waits to be released, drops privileges and execs; until then it borrows the joiner's memory.
 *
 * Hand-over.  J = joiner, C = command, S = supervisor; a SOCK_SEQPACKET pair carries one byte a message.
 *
 *   J: personality, affinity, filter          J -> S 'L' + listener   ('N' without a gate, 'E' + errno)
 *   S: copy to the guardian, acknowledged     S -> J 'f'
 *   J: join the group, fork (gated already)   C -> S 'C' + pid        (J -> S 'E' on failure)
 *   S: the counter must have moved, reset max S -> C 'g'
 *   C: pids group, identity, directory, execve (gated)  end of file on success, C -> S 'E' on failure
 *
 * J joins as late as it can, so that neither the filter nor its own set-up is charged to the group; it writes "0" into
 * v1's `tasks` itself, because moving another process (or a whole one) waits for an RCU grace period.  In the unified
 * hierarchy of a hybrid layout the command is born in the group (CLONE_INTO_CGROUP), for the same reason; on v2 both
 * are, each in its own leaf: processes are counted in the command's leaf.
 *
 * Up to 'g' a failure is the tool's (the runner reports a SetupError); but the fork and the exec pass the
 * gate like any other call, and if it denies them that is a result.
 *
 * Interruptions.  A signal may take a call back before it is received; it then fails with EINTR, which most of these
 * calls never do.  Such calls are counted by the numbers of the notifications (interruptions.h) and retried when the
 * signal's handler returns, if that is safe (repair.h).
 *
 * The decision.  For each gated call one pread of the group's counter: usage + need > limit - reserve is a denial with
 * the errno of the policy table, where `need` is the minimum that such a call charges and the reserve is room for
 * page-fault charges between calls.  Everything else continues.  brk must never return an errno (C libraries take it
 * for the new break): it returns the current break, which is how brk fails.
 *
 * Failures requested by address (--fail) take precedence over the counter: such a call is denied, whatever the usage
 * is.
 *
 * Steps.  One is handed over at a time; if requested ("background"), it keeps running while the next one starts.  Each
 * has its own filter, and so its own listener, which all its descendants inherit: the listener identifies the step that
 * a call comes from, even when its parents are long gone.  Events are booked on that step while it runs, otherwise on
 * the latest running foreground step.  The highest usage is the whole group's: the kernel records only one, so it is
 * read for all running steps whenever it is reset.
 *
 * The step that ended last has an open account: activity of daemons while no step runs is booked on it.  "account"
 * reports it when the next step is released or ends, and at the end of the run.
 *
 * Close.  After "close" the runner kills the remaining processes, and the run's figures no longer change: every call
 * continues, and nothing is counted, booked or measured.
 *
 * The limit may change at any time ("limit").  The highest usage is then read and reset, so that the runner can report
 * it for each limit.
 *
 * The policy (which calls, which errno, what to report about them) is data from the runner; the seccomp filter is
 * generated from it.  An unlisted call never leaves the kernel.
 *
 * Without a gate the same supervisor starts the command and reports its end.  If the kernel's own limit is in force, it
 * also detects which calls failed because of it: see refusals.h.
 *
 * Never waiting.  The supervisor does not wait for the runner: events go to a bounded queue; the first failures are
 * sent in full, counts by (comm, syscall, errno) always; events that do not fit in the queue are counted and reported
 * as dropped.
 *
 * Death.  If the runner dies, its child, the guardian, gets a signal, and the supervisor reads end of file on the
 * control socket; whichever is first kills and removes the group.  A stopped one continues when the one above it dies.
 * Both hold the run's lock (flock on an inherited description), so that a later run knows whether a process is still in
 * charge.
 *
 * Sources: Documentation/userspace-api/seccomp_filter.rst, seccomp_unotify(2), cgroups(7),
 * Documentation/admin-guide/cgroup-v1/memory.rst.
 *
 * MODULES, bottom up: each knows only those of the lines before it.  A header says what its module offers.
 *
 *   encoded within                      a program whose words are not UTF-8, namespaces of a microVM's run
 *   events message inbox                what goes to the runner and comes from it, and between our processes
 *   policy inject run timed proc        the table of calls, failures asked for, the run's clock, work in limited time, /proc
 *   repair                              calls that a signal took back are made again
 *   bpf btf elf relocate fit object object_load
 *                                       BPF programs: loaded, fitted to it, and what they report
 *   ring embedded symbols               their events, the programs themselves (src/native/bpf), the kernel's functions
 *   config describe filter steps brk    the configuration, what a call is about, seccomp, steps, breaks
 *   loop request launch group           what is waited for, one call, joiner and command, the group
 *   interruptions                       their number
 *   watched readings counter            the group's kernel memory, by BPF programs and by its files
 *   approvals sizes                     what was allowed and is not charged yet, and sizes in a call's arguments
 *   guardian own reclaim peak crashes   processes of ours, the highest usage, ends by a signal
 *   tables errors notices               descriptors, errnos, what the result mentions
 *   lineage                             addresses of calls
 *   trace failures decide               every call, those that failed, and whether one is to fail
 *   faults moves                        page faults over the limit, and tasks that leave the group
 *   probes refusals                     failures under the kernel's own limit
 *   enforce                             what our programs refuse in the kernel
 *   frames profile                      what the group's kernel memory consists of
 *   trials keeper survey                which programs load and work here
 *   accounts summary                    what is booked on a step, and on the run
 *   handover                            the life of a step
 *   notify children control             notifications, ends of processes, the runner's messages
 *   supervisor main                     the loop, and the other uses of the program
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/file.h"
#include "encoded.h"
#include "events.h"
#include "filter.h"
#include "group.h"
#include "keeper.h"
#include "launch.h"
#include "message.h"
#include "own.h"
#include "request.h"
#include "seccomp.h"
#include "supervisor.h"
#include "survey.h"
#include "trials.h"
#include "watched.h"
#include "within.h"

/* One line per file: "free", "held" or "absent", a tab, the file.  A held lock means that a process is in charge. */
static int show_locks(int count, char **files)
{
  for (int i = 0; i < count; i++) {
    int fd = open(files[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const char *state = fd < 0 ? "absent" : flock(fd, LOCK_EX | LOCK_NB) == 0 ? "free" : "held";
    printf("%s\t%s\n", state, files[i]);
    if (fd >= 0)
      close(fd);
  }
  return 0;
}

/* Does a listener work here?  Tested in a throw-away child. */
static int probe(void)
{
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return 1;
  pid_t self = getpid(), child = fork();
  if (child == 0) {
    end_with(self);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof code / sizeof *code, code};
    struct status s = {.kind = 'L'};
    int listener = install_filter(&prog, &s.no_new_privs, &s.killable);
    s.error = listener < 0 ? errno : 0;
    send_message(pair[1], &s, sizeof s, listener);
    if (listener < 0)
      _exit(1);
    close(listener); /* otherwise its own call would wait for ever if the parent is killed */
    errno = 0;
    _exit(syscall(SYS_getppid) == -1 && errno == ENOMEM ? 0 : 1);
  }
  close(pair[1]);
  struct status s = {0};
  int listener = -1, sync = 0, answered = 0;
  bool responded = false;
  if (child > 0 && receive_message(pair[0], &s, sizeof s, &listener, 0) == sizeof s && listener >= 0) {
    __u64 flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
    sync = ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags) == 0;
    struct notification_buffers b = allocate_notification();
    struct pollfd p = {.fd = listener, .events = POLLIN};
    if (poll(&p, 1, 2000) == 1 && ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, b.notification) == 0) {
      b.response->id = b.notification->id;
      b.response->error = -ENOMEM;
      responded = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, b.response) == 0;
    }
  }
  int status = 1;
  if (child > 0) {
    if (!responded)
      kill(child, SIGKILL);
    waitpid(child, &status, 0);
    answered = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  printf("{\"listener\":%s,\"errno\":%d,\"noNewPrivs\":%s,\"syncWakeUp\":%s}\n", answered ? "true" : "false", s.error,
         s.no_new_privs ? "true" : "false", sync ? "true" : "false");
  return answered ? 0 : 1;
}

/*
 * Joins a group and makes pipes, which are charged to it: 1 if one was refused, 0 if 400 of them (a megabyte) were not,
 * 2 if the test could not run.
 */
static int charge_group(const char *tasks_file)
{
  struct rlimit files;
  int pair[2];
  if (getrlimit(RLIMIT_NOFILE, &files) < 0)
    return 2;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (!write_file(tasks_file, "0"))
    return 2;
  for (int i = 0; i < 400; i++)
    if (pipe2(pair, O_CLOEXEC) < 0)
      return errno == EMFILE ? 2 : 1;
  return 0;
}

/* In a microVM.  A module that is loaded already is no error. */
static int load_module(const char *file)
{
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd >= 0 && (syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST))
    return 0;
  fprintf(stderr, "%s", strerror(errno));
  return 1;
}

int main(int argc, char **argv)
{
  if (argc >= 5 && !strcmp(argv[1], "within")) {
    if (!join_namespaces(argv[2], argv[3])) {
      perror("kmem-helper: the run's namespaces");
      return 2;
    }
    argc -= 3;
    argv += 3;
  }
  if (argc >= 2 && !strcmp(argv[1], "supervise"))
    return supervise();
  if (argc >= 5 && !strcmp(argv[1], "own"))
    return own(argv + 2);
  if (argc >= 2 && !strcmp(argv[1], "locks"))
    return show_locks(argc - 2, argv + 2);
  if (argc == 2 &&
      !strcmp(argv[1], "hold")) /* an inherited lock is held as long as the process that passed it has it open */
    return flock(CONTROL_FD, LOCK_EX | LOCK_NB) == 0 ? 0 : 1;
  if (argc >= 2 && !strcmp(argv[1], "exec"))
    return exec_encoded(argv + 2);
  if (argc == 2 && !strcmp(argv[1], "probe"))
    return probe();
  if ((argc == 2 || (argc == 3 && !strcmp(argv[2], "lend"))) && is_keeper(argv[1]))
    return keep_attached(argv);
  if (argc == 2 && !strcmp(argv[1], "granularity"))
    return show_granularity();
  if ((argc == 2 || argc == 3) && !strcmp(argv[1], "programs"))
    return show_programs(argv[2]);
  if (argc == 3 && !strcmp(argv[1], "charge"))
    return charge_group(argv[2]);
  if (argc == 3 && !strcmp(argv[1], "load"))
    return load_module(argv[2]);
  if (argc == 4 && !strcmp(argv[1], "connect"))
    return connect_to(argv[2], argv[3]);
  fprintf(stderr, "usage: kmem-helper supervise | own UID GID PROGRAM [ARGUMENT...] | locks FILE... | hold |\n"
                  "       exec DIRECTORY VARIABLE... -- PROGRAM... | probe | keep [lend] | keep-native lend |\n"
                  "       keep-enforcing [lend] | granularity | programs [TASKS] | charge TASKS | load MODULE |\n"
                  "       connect ADDRESS PORT | within HOLDER DIRECTORY USE...\n");
  return 2;
}
