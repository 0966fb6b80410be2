/* The system call that the current task is in. */
#ifndef KMEM_BPF_CALL_H
#define KMEM_BPF_CALL_H

#include "kernel.h"

enum { NO_CALL = -1, UNKNOWN_CALL = -2 };

static __always_inline int call_number(void)
{
  if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
    return UNKNOWN_CALL;
  __u64 registers = (__u64)bpf_task_pt_regs(bpf_get_current_task_btf());
  struct pt_regs___x86 *x86 = (void *)registers;
  struct pt_regs___arm64 *arm64 = (void *)registers;
  if (bpf_core_field_exists(x86->orig_ax))
    return (int)BPF_CORE_READ(x86, orig_ax);
  if (bpf_core_field_exists(arm64->syscallno))
    return BPF_CORE_READ(arm64, syscallno);
  return UNKNOWN_CALL;
}

#endif
