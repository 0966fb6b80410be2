/* The virtio-serial ports, over which the host and the agent communicate. */
#ifndef KMEM_AGENT_PORTS_H
#define KMEM_AGENT_PORTS_H

#include <stdint.h>

enum port { CONTROL, STDIN, STDOUT, STDERR, RUNNER, PORTS };

/* -1: not open.  Written by ports.c only. */
extern int port_fd[PORTS];

/* Waits for the first `count` ports; returns one that did not appear, or -1.  Without a driver none will appear. */
int open_ports(int count, int64_t deadline_ms);

void close_port(enum port port);

/* Opens all ports; returns one that did not appear, or NULL. */
const char *setup_ports(void);

#endif
