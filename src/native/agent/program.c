#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../common/file.h"
#include "config.h"
#include "fail.h"
#include "ports.h"

enum {
  OPEN_FILES_SOFT = 1024,
  OPEN_FILES_HARD = 1048576,
  AGENT_FDS = 64, /* the agent never has so many */
};

int terminal = -1, own_fd[3] = {-1, -1, -1}, reports = -1;
pid_t program = -1, keeper = -1;
static int child_fd[3] = {-1, -1, -1}; /* the program's ends */
static int slave = -1;
static sigset_t original_mask;

/* The pointers are valid on both sides of a fork. */
struct start_failure {
  int error;
  const char *what, *detail;
};

void resize_terminal(void)
{
  if (terminal >= 0)
    ioctl(terminal, TIOCSWINSZ, &config.size);
}

void setup_terminal(void)
{
  if (config.stream[0] != KIND_TTY && config.stream[1] != KIND_TTY && config.stream[2] != KIND_TTY)
    return;
  terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  int unlocked = 0;
  if (terminal < 0 || ioctl(terminal, TIOCSPTLCK, &unlocked) < 0)
    fail("open a terminal", errno, NULL);
  slave = ioctl(terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct termios modes;
  if (slave < 0 || tcgetattr(slave, &modes) < 0)
    fail("open a terminal", errno, NULL);
  modes.c_iflag |= IUTF8; /* line editing by characters */
  tcsetattr(slave, TCSANOW, &modes);
  resize_terminal();
}

void setup_stream(int fd)
{
  enum stream_kind kind = config.stream[fd];
  own_fd[fd] = -1;
  if (kind == KIND_TTY) {
    child_fd[fd] = slave; /* -1 for a run: the runner has it */
    return;
  }
  if (kind == KIND_NULL) {
    child_fd[fd] = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (child_fd[fd] < 0)
      fail("open /dev/null", errno, NULL);
    return;
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    fail("create a pipe", errno, NULL);
  if (kind == KIND_SMALL_PIPE)
    fcntl(ends[0], F_SETPIPE_SZ, (int)sysconf(_SC_PAGESIZE));
  child_fd[fd] = ends[fd == STDIN_FILENO ? 0 : 1];
  own_fd[fd] = ends[fd == STDIN_FILENO ? 1 : 0];
  fcntl(own_fd[fd], F_SETFL, O_NONBLOCK);
}

void setup_own_stream(int fd)
{
  if (config.stream[fd] == KIND_TTY)
    child_fd[fd] = slave;
  else
    child_fd[fd] = fd == STDERR_FILENO ? dup(fd) : open("/dev/null", O_RDWR | O_CLOEXEC);
  if (child_fd[fd] < 0)
    fail("open the runner's streams", errno, NULL);
}

int stream_end(int fd)
{
  return config.stream[fd] == KIND_TTY ? -1 : child_fd[fd];
}

void close_stream_ends(void)
{
  for (int i = 0; i < 3; i++) {
    if (child_fd[i] >= 0)
      close(child_fd[i]);
    child_fd[i] = -1;
  }
}

static _Noreturn void report_failure(int ready, const char *what, const char *detail)
{
  struct start_failure failure = {errno, what, detail};
  if (write(ready, &failure, sizeof failure) < 0)
    _exit(126);
  _exit(127);
}

/* The program's descriptors are 0, 1, 2 and, if requested, 3; all others close on exec. */
static bool setup_descriptors(void)
{
  int fds[4] = {child_fd[0], child_fd[1], child_fd[2], config.runner ? port_fd[RUNNER] : -1};
  for (int i = 0; i < 4; i++) /* out of the way, so that no dup2 overwrites one that is still needed */
    if (fds[i] >= 0 && (fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10)) < 0)
      return false;
  for (int i = 0; i < 4; i++)
    if (fds[i] >= 0 && dup2(fds[i], i) < 0)
      return false;
  return true;
}

static void setup_signals(void)
{
  for (int i = 1; i < NSIG; i++)
    signal(i, SIG_DFL);
  sigprocmask(SIG_SETMASK, &original_mask, NULL);
}

static void setup_limits(void)
{
  struct rlimit files = {OPEN_FILES_SOFT, OPEN_FILES_HARD};
  setrlimit(RLIMIT_NOFILE, &files);
}

static _Noreturn void program_main(int ready)
{
  int own_ready = fcntl(ready, F_DUPFD_CLOEXEC, 20);
  if (slave >= 0) {
    setpgid(0, 0);
    /* SIGTTOU would stop it: it is still in the background.  setup_signals undoes that. */
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(slave, getpid());
  } else {
    setsid();
  }
  write_file("/proc/self/oom_score_adj", "0");
  setup_limits();
  if (!setup_descriptors())
    report_failure(own_ready, "pass the descriptors", NULL);
  if (chdir(config.cwd) < 0)
    report_failure(own_ready, "enter the working directory", config.cwd);
  setup_signals();
  execve(config.argv[0], config.argv, config.envp);
  report_failure(own_ready, "start the program", config.argv[0]);
}

static void send_report(int fd, int kind, int value)
{
  struct report report = {.kind = kind, .value = value};
  if (write(fd, &report, sizeof report) < 0)
    _exit(1);
}

/* Stays until the machine powers off: the exit of a session leader hangs up its terminal, with output still in it. */
static _Noreturn void keeper_main(int ready, int report)
{
  prctl(PR_SET_NAME, "kmem-keeper");
  setsid();
  if (ioctl(slave, TIOCSCTTY, 0) < 0)
    report_failure(ready, "take the terminal", NULL);
  pid_t child = fork();
  if (child < 0)
    report_failure(ready, "fork", NULL);
  if (child == 0)
    program_main(ready);
  setpgid(child, child);
  /* Readers and writers of the program's streams depend on who holds the other end. */
  for (int fd = 0; fd < AGENT_FDS; fd++)
    if (fd != slave && fd != report)
      close(fd);
  send_report(report, REPORT_PID, child);
  for (;;) {
    int status;
    if (waitpid(child, &status, WUNTRACED) < 0)
      break;
    bool stopped = WIFSTOPPED(status);
    send_report(report, stopped ? REPORT_STOPPED : REPORT_ENDED, status);
    if (!stopped)
      break;
  }
  for (;;)
    pause();
}

static void close_child_ends(void)
{
  for (int i = 0; i < 3; i++) {
    if (child_fd[i] >= 0 && child_fd[i] != slave)
      close(child_fd[i]);
    child_fd[i] = -1;
  }
  if (slave >= 0)
    close(slave);
  slave = -1;
  close_port(RUNNER);
}

void start_program(void)
{
  int ready[2], report[2];
  if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
    fail("create a pipe", errno, NULL);
  pid_t child = fork();
  if (child < 0)
    fail("fork", errno, NULL);
  if (child == 0) {
    if (slave < 0)
      program_main(ready[1]);
    keeper_main(ready[1], report[1]);
  }
  close(ready[1]);
  close(report[1]);
  struct start_failure failure;
  if (read(ready[0], &failure, sizeof failure) == sizeof failure)
    fail(failure.what, failure.error, failure.detail);
  close(ready[0]);
  if (slave < 0) {
    program = child;
    close(report[0]);
  } else {
    struct report first;
    keeper = child;
    reports = report[0];
    if (read(reports, &first, sizeof first) != sizeof first)
      fail("start the program", EIO, "its terminal's keeper died");
    program = first.value;
    fcntl(reports, F_SETFL, O_NONBLOCK);
  }
  close_child_ends();
}

int open_children(void)
{
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigprocmask(SIG_BLOCK, &mask, &original_mask);
  return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

void close_terminal(void)
{
  close(terminal);
  terminal = -1;
}

void close_reports(void)
{
  close(reports);
  reports = -1;
}
