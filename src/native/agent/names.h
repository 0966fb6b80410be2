/* Names of numbers: errnos, signals. */
#ifndef KMEM_AGENT_NAMES_H
#define KMEM_AGENT_NAMES_H

const char *errno_name(int error);
int signal_number(const char *name);

/* Real-time signals have no names of their own: SIGRTMIN+N. */
const char *signal_name(int number);

#endif
