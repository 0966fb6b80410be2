/* Events to the host: one JSON object per line, over the control port. */
#ifndef KMEM_AGENT_OUTBOX_H
#define KMEM_AGENT_OUTBOX_H

#include <stdbool.h>

void flush_events(void);

/* If the host does not read, an event is written whole or not at all. */
void event_end(void);

bool has_unsent_events(void);

#endif
