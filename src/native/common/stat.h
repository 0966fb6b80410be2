/* memory.stat and files like it: one key and figure per row. */
#ifndef KMEM_COMMON_STAT_H
#define KMEM_COMMON_STAT_H

#include <stdint.h>

/* The figure of a key, or -1. */
int64_t stat_figure(const char *text, const char *key);

#endif
