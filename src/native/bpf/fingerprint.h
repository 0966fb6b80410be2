/* A number for the current task's stack in user mode: cheap, while saving the stack is not. */
#ifndef KMEM_BPF_FINGERPRINT_H
#define KMEM_BPF_FINGERPRINT_H

#include "kernel.h"

enum { FRAMES_IN_FINGERPRINT = 24, LARGEST_STACK = 1 << 24 };

static __always_inline __u64 mixed(__u64 number, __u64 word)
{
  number = (number ^ word) * 0x9e3779b97f4a7c15ull;
  return number ^ number >> 32;
}

/*
 * Follows frame pointers.  Without them, their register holds anything: what is not on the stack is not read, since a read
 * that faults takes as long as several system calls.
 */
static __always_inline __u64 fingerprint(void)
{
  struct pt_regs___x86 *registers = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
  struct pt_regs___arm64 *arm64 = (void *)registers;
  if (!bpf_core_field_exists(registers->ip))
    return bpf_core_field_exists(arm64->pc) ? BPF_CORE_READ(arm64, pc) : 0;
  __u64 number = BPF_CORE_READ(registers, ip), at = BPF_CORE_READ(registers, bp), top = BPF_CORE_READ(registers, sp);
  LOOP for (int i = 0; i < FRAMES_IN_FINGERPRINT; i++)
  {
    __u64 frame[2]; /* the caller's frame, and where the call returns to */
    if (at < top || at - top > LARGEST_STACK || at % sizeof at ||
        bpf_probe_read_user(frame, sizeof frame, (const void *)at))
      break;
    number = mixed(number, frame[1]);
    top = at + sizeof frame;
    at = frame[0];
  }
  return number;
}

#endif
