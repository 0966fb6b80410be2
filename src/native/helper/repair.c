#include "repair.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "../common/file.h"
#include "policy.h"
#include "proc.h"

#ifdef __x86_64__

#include <linux/audit.h>

static bool write_memory(pid_t tid, const struct iovec *local, const struct iovec *remote, unsigned long count)
{
  ssize_t size = 0;
  for (unsigned long i = 0; i < count; i++)
    size += (ssize_t)local[i].iov_len;
  return process_vm_writev(tid, local, count, remote, count, 0) == size;
}

/* Yama, a missing capability or a user namespace may forbid it (ptrace(2), PTRACE_MODE_ATTACH_REALCREDS). */
static bool try_to_write(void)
{
  static uint64_t word;
  pid_t child = fork(); /* not dumpable, as we are: an ordinary user may not write it */
  if (child == 0) {
    for (;;)
      pause();
  }
  if (child < 0)
    return false;
  uint64_t one = 1;
  struct iovec local = {&one, sizeof one}, remote = {&word, sizeof word};
  bool may_write = write_memory(child, &local, &remote, 1);
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

/* 0: it runs.  The line is the call's number, its six arguments, the stack pointer and the instruction's address. */
static uint64_t stack_of(pid_t tid)
{
  char path[40], text[256];
  snprintf(path, sizeof path, "/proc/%d/syscall", tid);
  if (read_file(path, text, sizeof text) <= 0)
    return 0;
  const char *field = text;
  for (int i = 0; i < 7 && field != NULL; i++)
    field = strchr(field + 1, ' ');
  return field == NULL ? 0 : strtoull(field, NULL, 16);
}

enum { SYSCALL_BYTES = 2, MOVE_BYTES = 5, LONG_MOVE_BYTES = 7 };

/*
 * The number of the call that ends at `address`: `mov $number,%eax` or `mov $number,%rax`, then `syscall`.  -1: it comes
 * from elsewhere, as with syscall(2).
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

static bool is_to_be_made_again(int number)
{
  if (number == SYS_rt_sigreturn)
    return true;
  const struct call *c = number < 0 ? NULL : find_call(AUDIT_ARCH_X86_64, (uint32_t)number);
  return c != NULL && !c->interruptible;
}

enum repair repair_context(int listener, uint64_t id, pid_t tid)
{
  uint64_t frame = stack_of(tid);
  if (frame == 0)
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0 ? NOT_ASLEEP : NOT_LOST;
  uint64_t place = frame + offsetof(ucontext_t, uc_mcontext.gregs);
  greg_t registers[NGREG];
  if (!read_memory(tid, place, registers, sizeof registers) || registers[REG_RAX] != -EINTR)
    return NOT_LOST;
  int number = call_before(tid, (uint64_t)registers[REG_RIP]);
  if (!is_to_be_made_again(number) || ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0)
    return NOT_LOST;
  greg_t ax = number, ip = registers[REG_RIP] - SYSCALL_BYTES;
  struct iovec local[] = {{&ax, sizeof ax}, {&ip, sizeof ip}};
  struct iovec remote[] = {{(void *)(uintptr_t)(place + REG_RAX * sizeof ax), sizeof ax},
                           {(void *)(uintptr_t)(place + REG_RIP * sizeof ip), sizeof ip}};
  return write_memory(tid, local, remote, 2) ? REPAIRED : NOT_LOST;
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

enum repair repair_context(int listener, uint64_t id, pid_t tid)
{
  (void)listener, (void)id, (void)tid;
  return NOT_LOST;
}

#endif
