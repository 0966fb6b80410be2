/* The break of each process: brk says no by answering the current one. */
#ifndef KMEM_HELPER_BRK_H
#define KMEM_HELPER_BRK_H

#include <stdint.h>
#include <sys/types.h>

uint64_t current_break(pid_t pid);

/* A break at a page's end needs no note, and is what nearly all programs ask for: then this costs nothing. */
void note_break(pid_t tid, uint64_t address);

void forget_break(pid_t tid);

#endif
