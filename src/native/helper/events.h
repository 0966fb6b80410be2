/* Events to the runner: a bounded queue, so that the supervisor never waits for it. */
#ifndef KMEM_HELPER_EVENTS_H
#define KMEM_HELPER_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  CONTROL_FD = 3,
  QUEUE_SOFT = 1 << 20, /* above: failures are dropped */
  QUEUE_HARD = 2 << 20, /* above: nothing is queued */
};

void flush_queue(void);

/* Ends the event and queues it; false, and the event is dropped, if the queue would then exceed `room`. */
bool event_end(size_t room);

/* Ends the event, queues it with QUEUE_HARD, and sends what the runner accepts. */
void send_event(void);
void send_setup_error(const char *stage, int error, const char *subject);
void allocate_queue(void);
bool has_backlog(void);
uint64_t dropped_events(void);

/* At the end: waits at most two seconds for the runner to read the rest. */
void drain_queue(void);

#endif
