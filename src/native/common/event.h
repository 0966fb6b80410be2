/*
 * Events: JSON objects {"event":KIND,…}, one per line.  An event is written field by field, one at a time; each program
 * queues and sends the finished line itself.
 */
#ifndef KMEM_COMMON_EVENT_H
#define KMEM_COMMON_EVENT_H

#include <stdint.h>

#include "json.h"

/* Starts an event. */
void event(const char *kind);

void field_string(const char *key, const char *value);
void field_number(const char *key, int64_t value);
void field_figure(const char *key, int64_t value);

/* Ends the event and returns its line, newline included.  If `cut` is set, the event did not fit: drop it. */
const struct json *event_line(void);

#endif
