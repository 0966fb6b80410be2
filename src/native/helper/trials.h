/*
 * Each kind of BPF program, loaded, attached and made to see something that this process does: that a program
 * loads does not show that it is run.
 */
#ifndef KMEM_HELPER_TRIALS_H
#define KMEM_HELPER_TRIALS_H

#include <stdbool.h>

#include "object.h"

enum { TRIALS = 4 };

struct trial {
  const char *kind;    /* as in "unwatched", and "refusals" */
  const char *program; /* the section of the one that does not load; NULL: all do */
  int error;           /* why it does not, or why nothing could be done that it would see */
  bool works;          /* what was done was seen */
};

/*
 * `join_file`: by which this process joins the memory cgroup that it is in (v1 `tasks`, v2 `cgroup.procs`); NULL: it is not
 * known, and what is seen of a cgroup is not tried (ENOTSUP).
 */
void run_trials(struct trial trials[TRIALS], const char *join_file);

/* The memory controller of this process is on cgroup v2, by /proc/self/cgroup. */
bool is_memory_unified(void);

/* As open_object(), of the programs that watch a group, whose code depends on that. */
bool open_watch_object(struct object *object, bool unified);

#endif
