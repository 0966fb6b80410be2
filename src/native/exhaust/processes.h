/* Rows of processes and threads. */
#ifndef KMEM_EXHAUST_PROCESSES_H
#define KMEM_EXHAUST_PROCESSES_H

int make_fork(void);
void end_fork(int i);
int wait_for_ever(void *unused);
void map_stacks(void);
int make_thread(void);

#endif
