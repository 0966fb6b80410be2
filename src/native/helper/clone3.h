/*
 * clone3 as the bare instruction: with CLONE_VM parent and child share the stack, and the child would overwrite a
 * wrapper's return address before the parent returns through it.  0 in the child; -errno on failure.
 */
#ifndef KMEM_HELPER_CLONE3_H
#define KMEM_HELPER_CLONE3_H

#include <errno.h>
#include <linux/sched.h>
#include <sys/syscall.h>

static inline __attribute__((always_inline)) long raw_clone3(struct clone_args *args)
{
#if defined __x86_64__
  long result = SYS_clone3;
  __asm__ volatile("syscall" : "+a"(result) : "D"(args), "S"(sizeof *args) : "rcx", "r11", "memory");
  return result;
#elif defined __aarch64__
  register long nr __asm__("x8") = SYS_clone3;
  register long result __asm__("x0") = (long)args;
  register long size __asm__("x1") = sizeof *args;
  __asm__ volatile("svc #0" : "+r"(result) : "r"(nr), "r"(size) : "memory");
  return result;
#else
  (void)args;
  return -ENOSYS;
#endif
}

#endif
