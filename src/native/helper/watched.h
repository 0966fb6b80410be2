/*
 * The programs that watch the group (src/native/bpf/{memory,moves}.bpf.c): one object, of which moves (moves.h), page
 * faults (faults.h) and readings (readings.h) each load their part.  Moves come first: by them the group is found.
 */
#ifndef KMEM_HELPER_WATCHED_H
#define KMEM_HELPER_WATCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "object.h"

/* Makes its maps, once, and tells it which group it is: the memory controller's.  NULL with errno. */
struct object *watch_programs(void);

/* Events that programs of these missed since they were running already (recursion_misses). */
uint64_t events_missed(void);

bool load_and_attach(struct object *object, const char *section);

/*
 * Attaches what a run attaches, for no group, until the end of file on stdin: attaching is slow after the last one of a
 * kind was detached (the kernel waits for readers), and an experiment makes a run after the other.  Returns the exit status.
 */
int keep_attached(void);

/* Tells the runner what was found of the kernel, for the next helper (fit.h), unless it told us. */
void report_fitted(void);

/* Tells the runner what is not watched: "faults", "moves" or "readings". */
void report_unwatched(const char *what, int error);

#endif
