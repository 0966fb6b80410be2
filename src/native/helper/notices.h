/*
 * Calls that the result should mention: they move work out of the group, or let another process take the gate's place.
 */
#ifndef KMEM_HELPER_NOTICES_H
#define KMEM_HELPER_NOTICES_H

#include "request.h"

/* Sends a notice if the call is one of those, as far as its arguments show. */
void check_call(const struct request *r);

#endif
