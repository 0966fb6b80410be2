/* What the result should mention: calls by which work leaves the group, or another one takes the gate's place. */
#ifndef KMEM_HELPER_NOTICES_H
#define KMEM_HELPER_NOTICES_H

#include "request.h"

/* Sends a notice if the call is one of those, as far as its arguments say. */
void check_call(const struct request *r);

#endif
