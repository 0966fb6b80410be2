/*
 * The programs that watch the group (src/native/bpf/{memory,moves}.bpf.c): one object, from which moves (moves.h), page
 * faults (faults.h) and readings (readings.h) each load their part.  Moves come first: they find the group.
 */
#ifndef KMEM_HELPER_WATCHED_H
#define KMEM_HELPER_WATCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "object.h"

/* Creates the object's maps, once, and sets the group to watch: the memory controller's.  NULL with errno. */
struct object *watch_programs(void);

/* Opens an object whose programs watch a group; their code depends on `unified` (cgroup v2).  False with errno. */
bool open_group_object(struct object *programs, const struct image *image, bool unified);

/* Sets the object's `group`: the memory controller's.  False with errno. */
bool name_group(struct object *programs);

/* Events that these programs missed because they were already running (recursion_misses). */
uint64_t events_missed(void);

bool load_and_attach(struct object *object, const char *section);

/* Sends the runner what was found about the kernel, for the next helper (fit.h), unless it sent us that. */
void report_fitted(void);

/* Reports to the runner what is not watched: "faults", "moves" or "readings". */
void report_unwatched(const char *what, int error);

#endif
