/* Descriptors that the supervisor waits for, each with a tag that identifies it. */
#ifndef KMEM_HELPER_LOOP_H
#define KMEM_HELPER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "steps.h"

enum tag {
  TAG_CONTROL,
  TAG_SIGNALS,
  TAG_GUARDIAN,
  TAG_STATUS,
  TAG_RECLAIMER,
  TAG_LISTENER,
  TAG_REFUSALS,
  TAG_LIVELOCK,
  TAG_READING,
  TAG_FAULTS,
  TAG_MOVES,
  TAG_PARTS,
  TAG_DEATH
};

struct ready {
  enum tag tag;
  int fd, step;
  uint32_t events;
};

bool open_loop(void);
void watch_for_step(int fd, enum tag tag, int index);
void watch(int fd, enum tag tag);
void unwatch(int fd);

/* Fills `ready` with at most `most` descriptors and returns their number; `timeout` in ms, -1: none. */
int wait_for_ready(struct ready *ready, int most, int timeout);

#endif
