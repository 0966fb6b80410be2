/* The kernel memory of the group that this process is in, as that group counts it. */
#ifndef KMEM_EXHAUST_COUNTER_H
#define KMEM_EXHAUST_COUNTER_H

/* Opens the kernel-memory counter of this process's group. */
void open_counter(void);

long long read_usage(void);

/* The counter uses no descriptor above this one. */
int last_counter_fd(void);

#endif
