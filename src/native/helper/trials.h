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

/*
 * Attaches what a run attaches, for no group, until end of file on stdin: attaching and detaching are slow if nothing
 * else is attached to the same function (the kernel waits for all tasks), and an experiment starts one run after
 * another.  `enforcing`: also what refuses; its granularity is printed as by show_granularity().  Returns the exit
 * status.
 */
int keep_attached(char **argv, bool enforcing);

/* The memory controller of this process is on cgroup v2, according to /proc/self/cgroup. */
bool is_memory_unified(void);

/* Like open_object(), for the programs that watch a group: their code depends on `unified`. */
bool open_watch_object(struct object *object, bool unified);

#endif
