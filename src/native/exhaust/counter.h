/* The group's kernel memory, as the group that this process is in counts it. */
#ifndef KMEM_EXHAUST_COUNTER_H
#define KMEM_EXHAUST_COUNTER_H

/* The kernel-memory counter of the group that this process is in. */
void open_counter(void);

long long read_usage(void);

/* No descriptor of the counter is beyond this one. */
int last_counter_fd(void);

#endif
