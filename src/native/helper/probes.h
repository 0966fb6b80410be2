/*
 * The programs in the kernel that find out which calls fail by its own limit.
 *
 *   charged   (exit of the charge function)   one of the group's tasks was refused: note it for the task
 *   entered   (sys_enter)                     nothing refused yet in this call
 *   returned  (sys_exit)                      an error, and a refusal since it was entered: a failure
 *   faulted   (page_fault_user)               what is refused now is a page fault's, which no call returns from
 */
#ifndef KMEM_HELPER_PROBES_H
#define KMEM_HELPER_PROBES_H

#include <linux/audit.h>
#include <stdbool.h>
#include <stdint.h>

#if defined __x86_64__
#define THIS_ARCH AUDIT_ARCH_X86_64
#define THIS_ARCH_32 AUDIT_ARCH_I386
#elif defined __aarch64__
#define THIS_ARCH AUDIT_ARCH_AARCH64
#define THIS_ARCH_32 AUDIT_ARCH_ARM
#else
/* Not known: nothing is attached. */
#define THIS_ARCH 0
#define THIS_ARCH_32 0
#endif

/* Before 5.11 maps count as locked memory; what we may lock is no business of the command's. */
bool attach_to_kernel(const char *cgroup);

void detach_from_kernel(void);

#endif
