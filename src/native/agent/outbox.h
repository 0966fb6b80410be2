/* Events to the host: one JSON object a line, over the control port. */
#ifndef KMEM_AGENT_OUTBOX_H
#define KMEM_AGENT_OUTBOX_H

#include <stdbool.h>

void flush_events(void);

/* Where the host does not read, an event is there whole or not at all. */
void event_end(void);

bool has_unsent_events(void);

#endif
