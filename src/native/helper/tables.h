/*
 * The table of descriptors doubles when it is full, which for a large table is the largest allocation of any call.  Its
 * present size is part of the usage, so doubling matters only if the room is less than twice the usage. In that case, a
 * table of S with U in use needs at least (S - U) / 2 more calls by all its threads.  But processes may share a table,
 * and a task may have got another one meanwhile (close_range, exec), so few calls pass unchecked.
 */
#ifndef KMEM_HELPER_TABLES_H
#define KMEM_HELPER_TABLES_H

#include <stdint.h>
#include <sys/types.h>

#include "request.h"

/* Bytes by which the table grows in this call, or 0. */
int64_t table_growth(const struct request *r, int64_t usage, int64_t room);

/*
 * Bytes that a fork allocates for the child's table, which is as large as the parent's highest descriptor requires.  0
 * if it is small: the need of a fork covers that.
 */
int64_t table_copy(pid_t tid);

#endif
