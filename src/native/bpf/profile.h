/* What profile.bpf.c and the supervisor (helper/profile.c) share. */
#ifndef KMEM_BPF_PROFILE_H
#define KMEM_BPF_PROFILE_H

#include <linux/types.h>

enum {
  MAX_PARTS = 16384,
  MAX_OBJECTS = 1 << 17,
  MAX_USER_STACKS = 1 << 15, /* collisions are lost: several times as many as are expected */
  MAX_KERNEL_STACKS = 1 << 13,
  USER_FRAMES = 32,
  KERNEL_FRAMES = 32,
  CACHE_NAME = 32,
  PART_RING = 1 << 18,
};

enum part_kind { PART_OBJECT = 1, PART_PAGES, PART_STACK, PART_PERCPU };

/* Instead of the number of a system call. */
enum { IN_FAULT = -1, IN_UNKNOWN = -2 };

/* What makes a part of its own. */
struct part_key {
  __u64 site;   /* an address in the allocating function; 0: see the kernel stack */
  __u64 cache;  /* its address; 0: none */
  __u32 bytes;  /* charged for one object */
  __u32 kind;   /* enum part_kind */
  __s32 call;   /* number of the system call, or as above */
  __s32 kernel; /* number of the kernel stack, if there is no site; negative: not known */
  __u64 user;   /* fingerprint of the user stack */
  char comm[16];
};

enum { KEY_WORDS = sizeof(struct part_key) / sizeof(__u64) };

struct part {
  struct part_key key;
  __u64 objects, bytes; /* allocated */
  __s64 live_objects, live_bytes;
  __s64 peak_objects, peak_bytes; /* at the peak number `peak`; if there was a later one, the live figures are */
  __u64 peak;
  __u64 unseen; /* releases that caused no event */
  __s64 kernel; /* stack of the first allocation; negative: not known */
  char cache[CACHE_NAME];
};

/* The part that takes what no other has room for. */
#define CUT_PART 0ull

struct object_entry {
  __u64 part;
  __u32 bytes, kind;
};

#define NOT_READ (~0ull)

struct profile_state {
  __u32 ended, unused;
  __u64 number, usage, live, at_ns; /* of the latest peak: its number, the group's usage, the parts' sum, the time */
  __u64 live_now;
  __u64 usage_now; /* as of the last requested reading */
  __u64 untracked; /* objects for which there was no room */
  __u64 cut;       /* allocations of parts for which there was no room */
  __u64 lost;      /* events for which the ring had no room */
};

/* A new part; its stack can be named as long as the process lives. */
struct part_event {
  __u64 part, task; /* task: tgid << 32 | tid */
  __s64 user;
  char comm[16];
};

struct user_stack {
  __u64 at[USER_FRAMES];
};

struct long_kernel_stack {
  __u64 at[KERNEL_FRAMES];
};

/* A request to `check`. */
struct check {
  __u64 page_offset, page_map; /* where the kernel maps memory, and its `struct page`s; found once */
  __u64 object;
};

#endif
