/*
 * What a call charges beyond its own need, according to the sizes in its arguments.  The policy names the rule of each
 * call (src/gate/kinds.ts).  A rule that reads the caller's memory sees its present content, which can change before
 * the kernel reads it.
 */
#ifndef KMEM_HELPER_SIZES_H
#define KMEM_HELPER_SIZES_H

#include <stdint.h>

#include "request.h"

/* From the arguments alone: never too small. */
int64_t size_at_most(const struct request *r);

/* The same without the page tables that already exist; stops counting above `enough`. */
int64_t size_without_tables(const struct request *r, int64_t enough);

#endif
