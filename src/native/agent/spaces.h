/*
 * The namespaces of one run: mounts, IPC, host name and network.  They live as long as a process of ours in them, the
 * holder, which the native helper finds by its number (kmem-helper within).
 *
 * There is no PID namespace: the programs in the kernel know processes by the machine's own numbers, and the helper is
 * the subreaper of what the command leaves, which no process outside a PID namespace can be.  Instead every run begins
 * with the same number, and what it leaves running is ended.
 */
#ifndef KMEM_AGENT_SPACES_H
#define KMEM_AGENT_SPACES_H

#include <sys/types.h>

/* In an open room.  Ends the machine if it cannot. */
pid_t open_spaces(void);

#endif
