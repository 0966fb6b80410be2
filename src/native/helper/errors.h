/* The errno of a denied call: the one that an enforcing kernel returns. */
#ifndef KMEM_HELPER_ERRORS_H
#define KMEM_HELPER_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

#include "request.h"

int errno_of(const struct request *r);

/* Whether the file that the call is about, by path or descriptor, is on tmpfs. */
bool is_on_tmpfs(const struct request *r);

/* The operation of i386's ipc; the upper half is a version, which the kernel ignores. */
uint32_t ipc_operation(const uint64_t *args);

#endif
