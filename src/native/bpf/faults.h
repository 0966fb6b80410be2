/* Reports of page faults over the limit, from whichever program ends them. */
#ifndef KMEM_BPF_FAULTS_H
#define KMEM_BPF_FAULTS_H

#include "call.h"
#include "shared.h"

extern struct fault_state state; /* memory.bpf.c */

struct fault_ring {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, EVENT_RING);
};

extern struct fault_ring ring SEC(".maps"); /* memory.bpf.c */

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
