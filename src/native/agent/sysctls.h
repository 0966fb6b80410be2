/* The settings below /proc/sys, but for those of the network: whether they still have the values that they had. */
#ifndef KMEM_AGENT_SYSCTLS_H
#define KMEM_AGENT_SYSCTLS_H

/* Reads them, and keeps them open: to read one again is then a single system call. */
void note_sysctls(void);

/* The first that has another value now, and that value; NULL if there is none. */
const char *changed_sysctl(void);

#endif
