/* What the programs that watch a group share with the supervisor (helper/watch.h). */
#ifndef KMEM_BPF_SHARED_H
#define KMEM_BPF_SHARED_H

#include <linux/types.h>

/* `id` is written by the supervisor: the inode number of the group's directory.  The programs find the rest. */
struct watched_group {
  __u64 id, css, cgroup;
  __s32 level;
};

/* How the kernel's memory is read (usage.h); a constant, written by the supervisor. */
enum { MAX_CPUS = 64, MAX_GROUPS = 16 };

struct usage_place {
  __u32 unified, cpus; /* unified: cgroup v2 */
};

/* The sum of the groups' figures is no longer the usage to the byte, or is not known at all. */
enum { GROUP_WAS_REMOVED = 1, TOO_MANY_GROUPS = 2 };

/* Determined by the programs. */
struct usage_layout {
  __u32 incomplete;  /* which of these happened; 0: the sum is exact */
  __u32 item;        /* byte offset of kernel memory in a CPU's figures */
  __u32 removals;    /* of groups below it */
  __u32 found, last; /* for drop_group() */
  __u32 unused;
  __s64 removed; /* pages that those had; the supervisor corrects it (readings.h) */
  __u64 offset[MAX_CPUS];
  __u64 group[MAX_GROUPS]; /* addresses, 0: none */
};

struct usage_state {
  __u64 usage, peak; /* bytes; usage: as of the last requested reading */
};

enum { EVENT_RING = 1 << 18 };

/* memory.bpf.c */

#define NO_LIMIT (~0ull)

struct fault_config {
  __u64 limit;   /* bytes, or NO_LIMIT */
  __u64 reserve; /* bytes below the limit that the gate keeps free for faults */
  __u32 signal;  /* sent for a fault over the limit; 0: faults are only counted */
  __u32 learner; /* tid of the supervisor while it triggers its own fault, otherwise 0 */
};

struct fault_state {
  __u64 entry;        /* the address at which the kernel's page fault handler returns; 0: not known yet */
  __u64 usage;        /* bytes, after the last page of a fault */
  __u64 admitted;     /* bytes above the limit less the reserve not charged by page faults */
  __u64 episode;      /* number of times that the group exceeded its limit */
  __u64 over;         /* whether it is */
  __u64 pages, bytes; /* over the limit */
  __u64 lost;         /* events for which the ring had no room */
};

struct fault_event {
  __u64 ns, task; /* task: tgid << 32 | tid */
  __u64 address;  /* 0: not known */
  __u64 bytes, usage;
  __s32 call;   /* number of the system call in which it happened; -1: none, -2: unknown */
  __u32 signal; /* that was sent */
  char comm[16];
};

/* enforce.bpf.c */

enum enforce_trial { TRY_NOTHING, TRY_OBJECT, TRY_PAGE, TRY_FILE, TRY_INODE, TRY_SOCKET, TRY_AREA };

struct enforce_config {
  __u64 limit;      /* bytes, or NO_LIMIT */
  __u32 signal;     /* sent for a page fault that is refused; 0: page faults are not refused */
  __u32 trial;      /* an allocation of the supervisor to refuse: enum enforce_trial */
  __u32 supervisor; /* its tid, during a trial */
  __u32 unused;
};

/* Determined by `locate`. */
struct charge_places {
  __u64 preempt_count; /* of a CPU: relative to the CPU's own memory */
  __u64 task_cache;    /* the slab cache of tasks */
};

struct enforce_state {
  __u64 objects, pages;                /* refused allocations */
  __u64 must_not_fail, atomic, remote; /* over the limit, but not refused */
  __u64 refused_in_trial;
};

/* Kernel stacks of refused allocations, from the inside out; 0 ends one. */
enum { STACK_FRAMES = 16, MAX_STACKS = 512, SYMBOL = 64 };

struct kernel_stack {
  __u64 at[STACK_FRAMES];
};

/* A request to `name` (name.bpf.c), and its answer. */
struct symbol {
  __u64 address;
  char name[SYMBOL];
};

/* moves.bpf.c */

struct move_config {
  __u32 supervisor; /* pid */
  __u32 kill;       /* a process that moves itself out of the group */
};

struct move_state {
  __u64 seen, lost;
};

enum move_kind { MOVE_LEFT, MOVE_ENTERED };

struct move_event {
  __u64 ns, task, by; /* the task that was moved, and who moved it: tgid << 32 | tid */
  __u64 to;           /* inode number of the group's directory */
  __u32 kind;
  __u32 born; /* it was started there (clone3) */
  __u32 deep; /* unknown whether the task belongs to the run: it has too many ancestors */
  char comm[16];
};

#endif
