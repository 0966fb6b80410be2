/*
 * Each kind of BPF program is loaded, attached and made to see something that this process does: loading alone does not
 * show that a program is run.
 */
#ifndef KMEM_HELPER_TRIALS_H
#define KMEM_HELPER_TRIALS_H

#include <stdbool.h>

#include "object.h"

enum { TRIALS = 6 };

struct trial {
  const char *kind;    /* as in "unwatched", "refusals", "allocations" and "objects" */
  const char *program; /* section of the program that does not load; NULL: all load */
  int error;           /* why it does not load, or why its event could not be triggered */
  bool works;          /* the event was seen */
};

/*
 * `join_file`: the file by which this process joins its own memory cgroup (v1 `tasks`, v2 `cgroup.procs`); NULL if it
 * is unknown: then what depends on a cgroup is not tried (ENOTSUP).
 */
void run_trials(struct trial trials[TRIALS], const char *join_file);

/* Prints what our programs can refuse here, as JSON; otherwise why not. */
int show_granularity(void);

void print_granularity(const struct trial *trial);

/*
 * Whether a granularity works: then its programs stay attached, and refuse nothing until they are told to.  `table`: of
 * refused tasks; -1: a small one of its own.
 */
bool try_granularities(struct object *object, struct trial *trial, int table);

/* The memory controller of this process is on cgroup v2, according to /proc/self/cgroup. */
bool is_memory_unified(void);

#endif
