/* The break of each process: a denied brk returns the current one. */
#ifndef KMEM_HELPER_BRK_H
#define KMEM_HELPER_BRK_H

#include <stdint.h>
#include <sys/types.h>

uint64_t current_break(pid_t pid);

/* A break at the end of a page needs no record, and nearly all programs request those: then this costs nothing. */
void note_break(pid_t tid, uint64_t address);

void forget_break(pid_t tid);

#endif
