/*
 * What a call charges beyond its own need, by the sizes in its arguments.  The policy names the rule of each call
 * (src/gate/kinds.ts).  A rule that reads the caller's memory sees what stands there now: it can change before the kernel
 * reads it.
 */
#ifndef KMEM_HELPER_SIZES_H
#define KMEM_HELPER_SIZES_H

#include <stdint.h>

#include "request.h"

/* By the arguments alone: never too little. */
int64_t size_at_most(const struct request *r);

/* The same without the page tables that are there already; stops to count above `enough`. */
int64_t size_without_tables(const struct request *r, int64_t enough);

#endif
