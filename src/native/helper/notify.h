/* Notifications of the listeners: each is read, decided and answered. */
#ifndef KMEM_HELPER_NOTIFY_H
#define KMEM_HELPER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

void prepare_notifications(void);

/* A reclaim has finished: decides the calls that waited for it. */
void handle_reclaimed(void);

/* Whether a handler's return is waiting until its task can be inspected; answers all that are ready. */
bool returns_wait(void);

/* `step_index`: the step that the listener belongs to. */
void handle_notification(int listener, int step_index, uint32_t events);

#endif
