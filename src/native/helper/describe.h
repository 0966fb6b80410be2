/* What a call is about, from its arguments and the caller's memory. */
#ifndef KMEM_HELPER_DESCRIBE_H
#define KMEM_HELPER_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy.h"

/* 0 for a plain fork, and if they cannot be read. */
uint64_t clone_flags(const struct call *c, pid_t tid, const uint64_t *args);

bool detail_address(pid_t tid, uint64_t address, uint64_t length, char *text, size_t size);

/* Describes the call for people; NULL if there is nothing to report or it cannot be read. */
const char *describe(const struct call *c, pid_t tid, const uint64_t *args, char *text, size_t size);

#endif
