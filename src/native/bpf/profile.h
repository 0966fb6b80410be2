/* What profile.bpf.c and the supervisor (helper/profile.c) share. */
#ifndef KMEM_BPF_PROFILE_H
#define KMEM_BPF_PROFILE_H

#include <linux/types.h>

enum {
  MAX_PARTS = 16384,
  MAX_OBJECTS = 1 << 17,
  USER_FRAMES = 32,
  KERNEL_FRAMES = 32,
  CACHE_NAME = 32,
  PART_RING = 1 << 20,
};

enum part_kind { PART_OBJECT = 1, PART_PAGES, PART_STACK, PART_PERCPU };

/* Instead of the number of a system call. */
enum { IN_FAULT = -1, IN_UNKNOWN = -2 };

/* What makes a part of its own. */
struct part_key {
  __u64 site;  /* an address in the allocating function; 0: see the kernel stack */
  __u64 cache; /* its address; 0: none */
  __u32 bytes; /* charged for one object */
  __u32 kind;  /* enum part_kind */
  __s32 call;  /* number of the system call, or as above */
  __u32 unused;
  __u64 user, kernel; /* fingerprints of the stacks; kernel: only if there is no site */
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
  char cache[CACHE_NAME];
  __u64 stack[KERNEL_FRAMES]; /* the kernel's, of the first allocation; 0 ends it */
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
};

/* A new part, and the program's stack; 0 ends it.  Its frames can be located as long as the process lives. */
struct part_event {
  __u64 part, task; /* task: tgid << 32 | tid */
  char comm[16];
  __u64 stack[USER_FRAMES];
};

/* A request to `check`. */
struct check {
  __u64 page_offset, page_map; /* where the kernel maps memory, and its `struct page`s */
  __u64 is_right;              /* an object's slab was found there */
  __u64 object;
};

#endif
