/* Tasks that leave the group or enter it, as BPF programs see them (src/native/bpf/moves.bpf.c). */
#ifndef KMEM_HELPER_MOVES_H
#define KMEM_HELPER_MOVES_H

#include <stdbool.h>
#include <stdint.h>

/* If it cannot be done the run goes on without it, and the runner is told why. */
void watch_moves(void);

/* What has come in is reported. */
void read_moves(void);

bool are_moves_watched(void);

/* Moves that are not known of. */
uint64_t moves_lost(void);

#endif
