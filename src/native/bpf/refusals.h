/* What refusals.bpf.c and the supervisor (helper/refusals.c) share. */
#ifndef KMEM_BPF_REFUSALS_H
#define KMEM_BPF_REFUSALS_H

#include <linux/types.h>

enum {
  MAX_REFUSED_TASKS = 16384,
  MAX_REFUSAL_COUNTS = 1024,
  REFUSAL_PATH = 256,
  REFUSAL_RING = 1 << 19, /* room for all failures that are sent in full, even if nobody reads them */
  REFUSALS_IN_FULL = 1000,
  HANDLED_IN_FULL = 200,
  CALL_NUMBERS = 512,
  CALL_ARGUMENTS = 6,
  MAX_REGISTERS = 288, /* bytes of struct pt_regs */
};

/* Written by the supervisor before the programs are attached. */
struct refusals_config {
  __u32 joiner; /* pid of a joiner: it is in the memory hierarchy's group only */
  /* Offsets in struct pt_regs, and how it marks a call of a 32-bit program. */
  __u32 number_at, mode_at, mode_mask, mode_32_bit;
  __u32 arguments_at[CALL_ARGUMENTS];
  __u32 brk;
  __u8 path_argument[CALL_NUMBERS]; /* by call number: which argument is a path, counted from 1; 0: none */
};

struct refusals_totals {
  __u64 charges_refused, calls_failed, calls_uncounted;
  __u64 calls_handled; /* succeeded although an allocation was refused */
};

/* The state of a task that was refused. */
struct refused_task {
  __u64 pending;                   /* refusals since the call was entered */
  __u64 in_fault;                  /* it is in its own page fault, not in a call */
  __u64 since_ns, last_ns, streak; /* refusals in page faults with no grant in between; since_ns 0: none */
  __u64 calls;                     /* calls entered since the task was added to the table */
  __u64 bytes, usage, is_object;   /* of the last refusal, if our programs enforce the limit (enforce.bpf.c) */
  __s64 stack;                     /* its number among `refusal_stacks` (enforce.bpf.c); negative: none */
  __u64 signalled;                 /* the signal that ended its last page fault; 0: a later one was granted */
  __u64 sends;                     /* that signal is being sent */
};

struct refusal_kind {
  char comm[16];
  __u32 nr;
  __u32 not_32_bit; /* 0: a 32-bit program's call */
  __u32 error, unused;
};

struct refusal {
  __u64 ns, task; /* task: tgid << 32 | tid */
  __u64 calls;    /* the task's, at that time */
  __u64 bytes, usage, is_object;
  __s64 stack;
  __u64 handled; /* 1: the call succeeded all the same */
  struct refusal_kind kind;
  __u64 args[CALL_ARGUMENTS];
  char path[REFUSAL_PATH];
};

#endif
