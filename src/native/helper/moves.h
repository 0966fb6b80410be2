/* Tasks that leave the group or enter it, as BPF programs see them (src/native/bpf/moves.bpf.c). */
#ifndef KMEM_HELPER_MOVES_H
#define KMEM_HELPER_MOVES_H

#include <stdbool.h>
#include <stdint.h>

/* If this fails, the run continues without it, and the runner is told why. */
void watch_moves(void);

/* Reports pending events. */
void read_moves(void);

bool are_moves_watched(void);

/* Number of moves missed. */
uint64_t moves_lost(void);

#endif
