/* The filter generated from the policy, run by a classic BPF interpreter. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "../../../src/native/helper/filter.h"
#include "../../../src/native/helper/policy.h"
#include "../../../src/native/helper/repair.h"
#include "tap.h"

enum { ALLOWED, NOTIFIED, BROKEN };

static int verdict(const struct seccomp_data *data)
{
  struct sock_fprog program = built_filter();
  uint32_t a = 0;
  for (unsigned at = 0; at < program.len; at++) {
    struct sock_filter i = program.filter[at];
    switch (i.code) {
    case BPF_LD | BPF_W | BPF_ABS:
      if (i.k + 4 > sizeof *data)
        return BROKEN;
      memcpy(&a, (const char *)data + i.k, 4);
      break;
    case BPF_ALU | BPF_AND | BPF_K: a &= i.k; break;
    case BPF_JMP | BPF_JEQ | BPF_K: at += a == i.k ? i.jt : i.jf; break;
    case BPF_JMP | BPF_JA: at += i.k; break;
    case BPF_RET | BPF_K: return i.k == SECCOMP_RET_ALLOW ? ALLOWED : i.k == SECCOMP_RET_USER_NOTIF ? NOTIFIED : BROKEN;
    default: return BROKEN;
    }
  }
  return BROKEN;
}

static int verdict_of(uint32_t arch, unsigned number, uint64_t second)
{
  return verdict(&(struct seccomp_data){.arch = arch, .nr = (int)number, .args = {0, second}});
}

static void add(uint32_t arch, unsigned number, const char *condition)
{
  char word[100];
  snprintf(word, sizeof word, "%u:%u:call:gate:12::4096:0:::%s:::", arch, number, condition);
  parse_call(word);
}

void test_filter(void)
{
  memset(&policy, 0, sizeof policy);
  for (unsigned number = 1000; number < 1450; number++)
    add(AUDIT_ARCH_X86_64, number, ":");
  add(AUDIT_ARCH_X86_64, 72, "1:0|1030");
  add(AUDIT_ARCH_X86_64, 72, "1:1031|1032");
  add(AUDIT_ARCH_X86_64, 520 | X32_BIT, ":");
  add(AUDIT_ARCH_I386, 5, ":");
  check(build_filter(), "filter: it is built");
  check_number(verdict_of(AUDIT_ARCH_X86_64, SYS_rt_sigreturn, 0), can_repair() ? NOTIFIED : ALLOWED,
               "filter: the return of a handler, where calls can be repaired");
  check_number(verdict_of(AUDIT_ARCH_X86_64, 1000, 0), NOTIFIED, "filter: the first of a long list");
  check_number(verdict_of(AUDIT_ARCH_X86_64, 1200, 0), NOTIFIED, "filter: one of the second block");
  check_number(verdict_of(AUDIT_ARCH_X86_64, 1449, 0), NOTIFIED, "filter: the last one");
  check_number(verdict_of(AUDIT_ARCH_X86_64, 1450, 0), ALLOWED, "filter: what is not listed");
  check_number(verdict_of(AUDIT_ARCH_X86_64, 72, 1030), NOTIFIED, "filter: an argument that decides");
  check_number(verdict_of(AUDIT_ARCH_X86_64, 72, 0), NOTIFIED, "filter: the first of its values");
  check_number(verdict_of(AUDIT_ARCH_X86_64, 72, 1032), NOTIFIED, "filter: a value of another row of the number");
  check_number(verdict_of(AUDIT_ARCH_X86_64, 72, 3), ALLOWED, "filter: another value of it");
  check_number(verdict_of(AUDIT_ARCH_X86_64, 520 | X32_BIT, 0), NOTIFIED, "filter: a call of x32");
  check_number(verdict_of(AUDIT_ARCH_I386, 5, 0), NOTIFIED, "filter: a call of i386");
  check_number(verdict_of(AUDIT_ARCH_I386, 1000, 0), ALLOWED, "filter: a number of another architecture");
  check_number(verdict_of(AUDIT_ARCH_ARM, 5, 0), ALLOWED, "filter: an architecture that has none");
  memset(&policy, 0, sizeof policy);
  for (unsigned number = 0; number < MAX_CALLS - 1; number++)
    add(AUDIT_ARCH_X86_64, number, "1:0|1|2|3|4|5|6|7|8|9|10|11");
  add(AUDIT_ARCH_I386, 5, ":");
  check(!build_filter(), "filter: one that is too long is refused");
  memset(&policy, 0, sizeof policy);
}
