/* What the group's kernel memory consists of, recorded by BPF programs (src/native/bpf/profile.bpf.c). */
#ifndef KMEM_HELPER_PROFILE_H
#define KMEM_HELPER_PROFILE_H

#include <stdbool.h>

/* Before the first task enters the group.  False with errno; `failed`: the program at fault. */
bool start_profile(const char **failed);

/* Locates the stacks of new parts while their processes live. */
void read_parts(void);

/* What is live now is what the run leaves.  Afterwards nothing is recorded. */
void end_profile(void);

/* Sends the largest parts, and then the sums. */
void send_profile(void);

#endif
