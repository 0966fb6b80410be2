/* The trace: one line of JSON for each gated call. */
#ifndef KMEM_HELPER_TRACE_H
#define KMEM_HELPER_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "request.h"

bool open_trace(void);
bool is_tracing(void);
void trace_call(const struct request *r, int64_t usage, const char *given);
void close_trace(void);

/* Lines that could not be written. */
uint64_t lost_trace_lines(void);

#endif
