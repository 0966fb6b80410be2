/* Reports of page faults over the limit, from whichever program ends them. */
#ifndef KMEM_BPF_FAULTS_H
#define KMEM_BPF_FAULTS_H

#include "kernel.h"
#include "shared.h"

extern struct fault_state state; /* memory.bpf.c */

struct fault_ring {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, EVENT_RING);
};

extern struct fault_ring ring SEC(".maps"); /* memory.bpf.c */

enum { NO_CALL = -1, UNKNOWN_CALL = -2 };

/* Of the system call that the current task is in. */
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

static __always_inline void send_fault(__u64 address, __u64 bytes, __u64 usage, __u32 signal)
{
  struct fault_event *e = bpf_ringbuf_reserve(&ring, sizeof *e, 0);
  if (!e) {
    __sync_fetch_and_add(&state.lost, 1);
    return;
  }
  e->ns = bpf_ktime_get_ns();
  e->task = bpf_get_current_pid_tgid();
  e->address = address;
  e->bytes = bytes;
  e->usage = usage;
  e->call = call_number();
  e->signal = signal;
  bpf_get_current_comm(e->comm, sizeof e->comm);
  bpf_ringbuf_submit(e, 0);
}

#endif
