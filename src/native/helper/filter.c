#include "filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy.h"
#include "repair.h"
#include "seccomp.h"

enum { MOST_DECIDING = 250 }; /* a jump reaches 255 instructions */

static struct sock_filter program[BPF_MAXINSNS];
static unsigned program_length;

static void emit(uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
  if (program_length < BPF_MAXINSNS)
    program[program_length++] = (struct sock_filter){code, yes, no, k};
}

/*
 * One instruction per call: a jump to the end of the block on a match.  Jumps reach 255 instructions, so the list is
 * split into blocks.  A short filter matters: before the group is joined it costs the group nothing, but a program that
 * forks shares it, and the kernel runs it for every call it has not cached as allowed.
 */
static void emit_block(const uint32_t *numbers, unsigned count)
{
  for (unsigned i = 0; i < count; i++)
    emit(BPF_JMP | BPF_JEQ | BPF_K, numbers[i], (uint8_t)(count - i), 0);
  emit(BPF_JMP | BPF_JA, 1, 0, 0);
  emit(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF, 0, 0);
}

static void emit_conditional(const struct call *c)
{
  /* Deciding values are small constants: the low half of the argument is enough (little endian). */
  unsigned values = 0;
  for (const struct call *row = c; row != NULL; row = next_row(row))
    values += (unsigned)row->value_count;
  if (values > MOST_DECIDING) {
    program_length = BPF_MAXINSNS; /* too long */
    return;
  }
  emit(BPF_JMP | BPF_JEQ | BPF_K, c->nr & ~X32_BIT, 0, (uint8_t)(values + 3));
  emit(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (unsigned)c->arg), 0, 0);
  for (const struct call *row = c; row != NULL; row = next_row(row))
    for (int i = 0; i < row->value_count; i++)
      emit(BPF_JMP | BPF_JEQ | BPF_K, row->values[i], (uint8_t)values--, 0);
  emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  emit(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF, 0, 0);
}

static bool contains(const uint32_t *numbers, unsigned count, uint32_t number)
{
  for (unsigned i = 0; i < count; i++)
    if (numbers[i] == number)
      return true;
  return false;
}

static void emit_arch(uint32_t arch, bool returns)
{
  uint32_t plain[MAX_CALLS], conditional[MAX_CALLS];
  unsigned plain_count = 0, conditional_count = 0;
  emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
  emit(BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0);
  unsigned skip = program_length;
  emit(BPF_JMP | BPF_JA, 0, 0, 0);
  emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
  emit(BPF_ALU | BPF_AND | BPF_K, ~X32_BIT, 0, 0);
  for (int i = 0; i < policy.count; i++) {
    const struct call *c = &policy.call[i];
    uint32_t number = c->nr & ~X32_BIT;
    if (c->arch != arch || c->action == KNOWN)
      continue;
    if (c->arg < 0 && !contains(plain, plain_count, number))
      plain[plain_count++] = number;
    if (c->arg >= 0 && !contains(conditional, conditional_count, number)) {
      conditional[conditional_count++] = number;
      emit_conditional(c);
    }
  }
  for (unsigned i = 0; i < plain_count; i += 200)
    emit_block(plain + i, plain_count - i < 200 ? plain_count - i : 200);
  if (returns && arch == AUDIT_ARCH_X86_64) {
    emit(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 0, 1);
    emit(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF, 0, 0);
  }
  emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  if (skip < BPF_MAXINSNS)
    program[skip].k = program_length - skip - 1;
}

/* `returns`: also notify returns of signal handlers. */
static bool build(bool returns)
{
  uint32_t done[8];
  int done_count = 0;
  program_length = 0;
  for (int i = 0; i < policy.count; i++) {
    bool seen = false;
    for (int k = 0; k < done_count; k++)
      seen |= done[k] == policy.call[i].arch;
    if (seen || done_count == 8)
      continue;
    done[done_count++] = policy.call[i].arch;
    emit_arch(policy.call[i].arch, returns);
  }
  emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  return program_length < BPF_MAXINSNS;
}

bool build_filter(void)
{
  return build(can_repair());
}

static int install(struct sock_fprog *prog, unsigned long flags, bool *no_new_privs)
{
  for (;;) {
    int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, prog);
    if (fd >= 0 || errno != EACCES || *no_new_privs || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
      return fd;
    *no_new_privs = true;
  }
}

int install_filter(struct sock_fprog *prog, bool *no_new_privs, bool *killable)
{
  *no_new_privs = false;
  int fd = install(prog, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, no_new_privs);
  *killable = fd >= 0;
  return fd >= 0 || errno != EINVAL ? fd : install(prog, 0, no_new_privs);
}

struct sock_fprog built_filter(void)
{
  return (struct sock_fprog){(unsigned short)program_length, program};
}

/* Without WAIT_KILLABLE_RECV a handler's return could be lost after it was inspected. */
int install_built_filter(bool *no_new_privs, bool *killable)
{
  struct sock_fprog built = built_filter();
  *no_new_privs = false;
  int fd = install(&built, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, no_new_privs);
  *killable = fd >= 0;
  if (fd >= 0 || errno != EINVAL)
    return fd;
  build(false);
  built = built_filter();
  return install(&built, 0, no_new_privs);
}
