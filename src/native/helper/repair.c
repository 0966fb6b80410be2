#include "repair.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "../common/clock.h"
#include "group.h"
#include "policy.h"
#include "proc.h"

#ifdef __x86_64__

#include <linux/audit.h>

/* Yama, a missing capability or a user namespace may forbid it (ptrace(2), PTRACE_MODE_ATTACH_REALCREDS). */
static bool try_to_write(void)
{
  static uint64_t word;
  pid_t self = getpid();
  pid_t child = fork(); /* not dumpable, like us: an ordinary user may not write its memory */
  if (child == 0) {
    end_with(self);
    for (;;)
      pause();
  }
  if (child < 0)
    return false;
  uint64_t one = 1;
  bool may_write = write_memory(child, (uint64_t)(uintptr_t)&word, &one, sizeof one);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return may_write;
}

bool can_repair(void)
{
  static int known = -1;
  if (known < 0)
    known = try_to_write();
  return known;
}

bool is_handler_return(const struct seccomp_data *data)
{
  return data->arch == AUDIT_ARCH_X86_64 && data->nr == SYS_rt_sigreturn;
}

enum {
  SYSCALL_BYTES = 2,
  MOVE_BYTES = 5,
  LONG_MOVE_BYTES = 7,
  MOST_IN_A_ROW = 16,
  ROWS = 64,
  MOST_FRAMES = 4096,
  MOST_CHAIN_NS = 500000000
};

/* /proc/TID/syscall of tasks whose handlers return often; one that replaces another is reopened. */
static ssize_t read_call(pid_t tid, char *text, size_t size)
{
  static struct {
    pid_t tid;
    int fd;
  } files[ROWS];
  int i = tid % ROWS;
  char path[40];
  for (int tries = 0; tries < 2; tries++) {
    if (files[i].tid == tid) {
      ssize_t n = pread(files[i].fd, text, size - 1, 0);
      if (n > 0) {
        text[n] = '\0';
        return n;
      }
    }
    /* The file of a former task with that number is empty or returns an error. */
    if (files[i].tid != 0)
      close(files[i].fd);
    files[i].tid = 0;
    snprintf(path, sizeof path, "/proc/%d/syscall", tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      return -1;
    files[i].tid = tid;
    files[i].fd = fd;
  }
  return -1;
}

/* 0 if running.  The line is the call's number, its six arguments, the stack pointer and the instruction's address. */
static uint64_t stack_of(pid_t tid)
{
  char text[256];
  if (read_call(tid, text, sizeof text) <= 0)
    return 0;
  const char *field = text;
  for (int i = 0; i < 7 && field != NULL; i++)
    field = strchr(field + 1, ' ');
  return field == NULL ? 0 : strtoull(field, NULL, 16);
}

/*
 * The number of the call that ends at `address`: `mov $number,%eax` or `mov $number,%rax`, then `syscall`.  -1 if it
 * comes from elsewhere, as with syscall(2).
 */
static int call_before(pid_t tid, uint64_t address)
{
  unsigned char code[LONG_MOVE_BYTES + SYSCALL_BYTES];
  static const unsigned char syscall_code[] = {0x0f, 0x05}, long_move[] = {0x48, 0xc7, 0xc0};
  int number;
  if (!read_memory(tid, address - sizeof code, code, sizeof code) ||
      memcmp(code + LONG_MOVE_BYTES, syscall_code, sizeof syscall_code) != 0)
    return -1;
  if (code[LONG_MOVE_BYTES - MOVE_BYTES] != 0xb8 && memcmp(code, long_move, sizeof long_move) != 0)
    return -1;
  memcpy(&number, code + LONG_MOVE_BYTES - sizeof number, sizeof number);
  return number;
}

/* What rt_sigreturn restores, as the kernel puts it on the stack (struct rt_sigframe). */
struct frame {
  unsigned long flags;
  void *link;
  stack_t stack;
  mcontext_t context;
  uint64_t mask;
  int signal; /* with SA_SIGINFO */
};

enum { INFO_OFFSET = offsetof(struct frame, signal) };

/* The call that a signal took back in this context, or -1. The value set by a SIGSYS handler is not a call's result. */
static int lost_call(pid_t tid, const struct frame *f)
{
  if (f->context.gregs[REG_RAX] != -EINTR || f->signal == SIGSYS)
    return -1;
  int number = call_before(tid, (uint64_t)f->context.gregs[REG_RIP]);
  const struct call *c = number < 0 ? NULL : find_call(AUDIT_ARCH_X86_64, (uint32_t)number);
  const greg_t *g = f->context.gregs;
  const uint64_t args[] = {(uint64_t)g[REG_RDI], (uint64_t)g[REG_RSI], (uint64_t)g[REG_RDX],
                           (uint64_t)g[REG_R10], (uint64_t)g[REG_R8],  (uint64_t)g[REG_R9]};
  /* A call that is not notified failed by itself, for example fcntl with F_SETLKW. */
  bool may_be_lost = c != NULL && !c->interruptible && is_notified(c, args);
  return number == SYS_rt_sigreturn || may_be_lost ? number : -1;
}

static void make_again(struct frame *f, int number)
{
  f->context.gregs[REG_RAX] = number;
  f->context.gregs[REG_RIP] -= SYSCALL_BYTES;
}

/*
 * At the first instruction of a handler that has not begun, the registers hold what the kernel passes to it.  One of
 * them alone proves little: in accept(2) the third argument is often the address of a variable at the top of the stack.
 */
static bool is_about_to_begin(const struct frame *f)
{
  const greg_t *g = f->context.gregs;
  greg_t context = g[REG_RSP] + (greg_t)sizeof(void *), info = context + (greg_t)INFO_OFFSET;
  return g[REG_RAX] == 0 && g[REG_RDX] == context && g[REG_RSI] == info;
}

/*
 * Handlers that do not block their signal (SA_NODEFER) would pile up if signals arrive faster than they return: each
 * return leads to the beginning of another handler, where the next signal is delivered.  After several of those in a
 * row, the handler begins with its signal blocked, as without SA_NODEFER; its own return unblocks it.
 */
static bool let_begin(pid_t tid, struct frame *f)
{
  static struct {
    pid_t tid;
    int count;
  } in_a_row[ROWS]; /* a task that replaces another counts anew */
  int i = tid % ROWS;
  greg_t signal = f->context.gregs[REG_RDI];
  in_a_row[i].count = !is_about_to_begin(f) ? 0 : in_a_row[i].tid == tid ? in_a_row[i].count + 1 : 1;
  in_a_row[i].tid = tid;
  if (in_a_row[i].count < MOST_IN_A_ROW || signal < 1 || signal > 64)
    return false;
  f->mask |= 1ull << (signal - 1);
  return true;
}

struct context {
  pid_t tid;
  uint64_t place; /* of the outermost frame */
  int repaired;
  int number; /* of the lost call, or -1 */
  struct frame frame;
};

static bool read_context(struct context *c)
{
  struct frame next;
  uint64_t until = now_ns() + MOST_CHAIN_NS;
  bool read = read_memory(c->tid, c->place, &c->frame, sizeof c->frame);
  /* A program can build an endless chain, or one of pages that are filled in slowly. */
  while (read && (c->number = lost_call(c->tid, &c->frame)) == SYS_rt_sigreturn && c->repaired < MOST_FRAMES &&
         now_ns() < until && read_memory(c->tid, (uint64_t)c->frame.context.gregs[REG_RSP], &next, sizeof next)) {
    c->frame = next;
    c->repaired++;
  }
  return read;
}

/*
 * If signals arrive faster than returns are received, handlers pile up, each on top of a lost return.  The outermost
 * takes over the state that the innermost would restore, so that one return ends them all.
 */
int repair_context(int listener, uint64_t id, pid_t tid)
{
  struct context c = {.tid = tid, .place = stack_of(tid), .number = -1};
  if (c.place == 0)
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0 ? NOT_ASLEEP : 0;
  if (!read_context(&c))
    return 0;
  if (c.number >= 0) {
    make_again(&c.frame, c.number);
    c.repaired++;
  }
  if ((!let_begin(tid, &c.frame) && c.repaired == 0) || ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0)
    return 0;
  return write_memory(tid, c.place, &c.frame, offsetof(struct frame, signal)) ? c.repaired : 0;
}

#else

bool can_repair(void)
{
  return false;
}

bool is_handler_return(const struct seccomp_data *data)
{
  (void)data;
  return false;
}

int repair_context(int listener, uint64_t id, pid_t tid)
{
  (void)listener, (void)id, (void)tid;
  return 0;
}

#endif
