/* The maps that the programs in the kernel (probes.c) fill and the supervisor (refusals.c) reads. */
#ifndef KMEM_HELPER_MAPS_H
#define KMEM_HELPER_MAPS_H

#include <stdbool.h>
#include <stdint.h>

enum {
  MAX_REFUSED_TASKS = 16384,
  REFUSAL_PATH = 256,
  REFUSAL_RING = 1 << 19, /* the first failures in full, were nobody to read them */
};

enum total { CHARGES_REFUSED, CALLS_FAILED, CALLS_UNCOUNTED, TOTALS };

/* What the programs keep of a task that was refused. */
struct refused_task {
  uint64_t pending;                   /* refusals since the call was entered */
  uint64_t in_fault;                  /* it is not in a call but in a page fault of its own */
  uint64_t since_ns, last_ns, streak; /* refusals in page faults, with nothing granted between; since_ns 0: none */
  uint64_t calls;                     /* that it entered since it is in the table */
};

struct refusal_kind {
  char comm[16];
  uint32_t nr;
  uint32_t not_32_bit; /* 0: a 32-bit program's call */
  uint32_t error, unused;
};

struct refusal {
  uint64_t ns, task; /* task: tgid << 32 | tid */
  uint64_t calls;    /* of the task's, as it was */
  struct refusal_kind kind;
  uint64_t args[6];
  char path[REFUSAL_PATH];
};

struct maps {
  int tasks, counts, totals, ring, cgroups, joiner, paths;
  uint64_t *consumer;
  const uint64_t *producer;
  const char *data;
};

/* Written by make_maps and map_ring. */
extern struct maps bpf_maps;

uint64_t total_of(enum total which);

/* Creates them; `cgroup`: the directory of the group whose refusals count. */
bool make_maps(const char *cgroup);

/* Maps the ring into memory. */
bool map_ring(void);

#endif
