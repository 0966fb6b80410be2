/*
 * kmem-agent: the first process of the microVM.  It makes the guest look like the host, starts one program there, and
 * carries the program's streams, terminal and signals between it and the host.
 *
 * THEORY OF OPERATION
 *
 * Boot.  The kernel starts this file as /init of an initramfs that holds nothing else but the kernel's modules.
 * Without KVM every fork and system call is emulated, therefore there is no shell and no second program: the agent
 * loads the modules of /modules/order, mounts the host's root (9p, read-only) under an overlay whose upper layer is a
 * tmpfs, mounts what a system has below it, moves there, opens the ports and says "up".  Its own files are then
 * invisible to whatever runs in the guest.
 *
 * Processes.
 *
 *   agent     PID 1.  One loop of poll(2) over ports, pipes, terminal and a signalfd; nothing in it waits for anything
 *             else.  It reaps what is orphaned and leaves daemons alone: those are the business of the runner that
 *             it starts.
 *   fetcher   copies the files of kmem.prefetch= (below) into memory while the rest of the boot goes on; then it ends.
 *   keeper    only with a terminal: leader of the terminal's session, and parent of the program.  A process group
 *             whose parents are all outside its session is orphaned, and the kernel does not let the terminal stop
 *             it: with a keeper, Ctrl-Z works.  It tells the agent of stops and of the end.
 *   program   root, in a session of its own, or in the keeper's session as the foreground group.
 *
 * Runs.  If the program is the runner ("serves=1"), further configurations follow, without a program: one for each run.
 * For each, the agent opens a room (room.h) and namespaces (spaces.h), makes the streams and says "opened"; the runner
 * opens their ends by /proc/1/fd, which the host confirms ("opened").  After "finish" the agent ends what the run has left
 * running (strays.h), says "over" when the streams are in their ports, closes the room, compares the kernel's state with
 * that before the first run (state.h), and says "cleared", with what is left.
 *
 * Ports.  virtio-serial ports are found by name: kmem.control, kmem.stdin, kmem.stdout, kmem.stderr, kmem.runner (the
 * program's fd 3).  The control port carries lines of JSON out (up, setup-error, started, stopped, stdin-closed, end);
 * it receives one configuration (records "key=value" that end with NUL; an empty one is the last) and then lines of
 * text: signal NAME, size ROWS COLS, stdin-end N, close stdout|stderr, cont, opened, finish, poweroff.  A port has no
 * end of file, so the ends of streams are counts of bytes: "stdin-end N" closes the program's stdin after N bytes in
 * all, "end" reports how many bytes of stdout and stderr were written, and how many of stdin the program read; it is
 * sent when all of them are in their ports.
 *
 * A terminal's bytes come from kmem.stdin and go to kmem.stdout if stdout is a terminal, otherwise to kmem.stderr.
 *
 * Back-pressure.  Each stream has one buffer.  It is filled when it is empty and emptied when the other side can take
 * it, so a slow reader stops only its own stream.
 *
 * Prefetch.  On kernels whose 9p reads one page per message, the files that a start needs are fetched into memory:
 * fetch.h.
 *
 * Death.  If the control port closes, the host is gone, and the machine is powered off at once.  A failure before the
 * program runs is reported as "setup-error", on the console too, and also powers off.
 *
 * Sources: Documentation/filesystems/{9p,overlayfs,ramfs-rootfs-initramfs}.rst, drivers/char/virtio_console.c,
 * cgroups(7), setpgid(2), credentials(7).
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/event.h"
#include "../common/file.h"
#include "control.h"
#include "fail.h"
#include "fetch.h"
#include "lifecycle.h"
#include "modules.h"
#include "outbox.h"
#include "ports.h"
#include "program.h"
#include "root.h"
#include "runs.h"
#include "streams.h"

static void watch(struct pollfd *p, int fd, short events)
{
  *p = (struct pollfd){.fd = fd, .events = events};
}

static void watch_stream(struct pollfd *from, struct pollfd *to, const struct stream *s)
{
  bool wants = is_empty(s) && s->from >= 0 && s->to >= 0 && !s->exhausted;
  watch(from, wants ? s->from : -1, POLLIN);
  watch(to, s->to, is_empty(s) ? 0 : POLLOUT);
}

static _Noreturn void serve(int children)
{
  enum { P_CONTROL, P_CHILDREN, P_REPORTS, P_INPUT, P_INPUT_TO, P_OUTPUT, P_OUTPUT_TO, P_ERROR, P_ERROR_TO, P_COUNT };
  for (;;) {
    struct pollfd p[P_COUNT];
    watch(&p[P_CONTROL], port_fd[CONTROL], has_unsent_events() ? POLLIN | POLLOUT : POLLIN);
    watch(&p[P_CHILDREN], children, POLLIN);
    watch(&p[P_REPORTS], reports, POLLIN);
    watch_stream(&p[P_INPUT], &p[P_INPUT_TO], &input);
    watch_stream(&p[P_OUTPUT], &p[P_OUTPUT_TO], &output);
    watch_stream(&p[P_ERROR], &p[P_ERROR_TO], &error_output);
    if (poll(p, P_COUNT, -1) < 0)
      continue;
    if (p[P_CONTROL].revents & POLLHUP)
      power_off();
    if (p[P_CONTROL].revents & POLLIN)
      read_control();
    if (has_unsent_events())
      flush_events();
    if (p[P_INPUT_TO].revents & (POLLERR | POLLHUP))
      handle_input_closed();
    if (p[P_INPUT].revents | p[P_INPUT_TO].revents)
      pump(&input);
    if (p[P_OUTPUT_TO].revents & POLLHUP)
      close_stream(&output);
    if (p[P_ERROR_TO].revents & POLLHUP)
      close_stream(&error_output);
    if (p[P_OUTPUT].revents | p[P_OUTPUT_TO].revents)
      pump(&output);
    if (p[P_ERROR].revents | p[P_ERROR_TO].revents)
      pump(&error_output);
    if (p[P_REPORTS].revents)
      handle_reports();
    if (p[P_CHILDREN].revents) {
      struct signalfd_siginfo info;
      if (read(children, &info, sizeof info) > 0)
        reap();
    }
    end_input_if_complete();
    drain();
  }
}

/* The host says so before the boot. */
static bool is_to_serve(void)
{
  static char line[8192];
  return read_text("/proc/cmdline", line, sizeof line) != NULL && strstr(line, "kmem.serves=1") != NULL;
}

int main(void)
{
  if (getpid() != 1) {
    fprintf(stderr, "kmem-agent: this is the first process of kmem-run's microVM, and nothing else\n");
    return 2;
  }
  setup_first_mounts();
  setup_self();
  setup_modules();
  check_modules();
  setup_lower();
  int children = open_children();
  bool serves = is_to_serve();
  setup_prefetch(serves);
  setup_overlay(serves);
  setup_root();
  setup_dev();
  setup_run();
  setup_tmp();
  setup_loopback();
  setup_runs();
  const char *missing = setup_ports();
  if (missing != NULL)
    fail("find a port", ENODEV, missing);
  event("up");
  field_number("uptimeMs", uptime_ms());
  event_end();
  serve(children);
}
