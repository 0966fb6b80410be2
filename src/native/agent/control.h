/* Messages from the host. */
#ifndef KMEM_AGENT_CONTROL_H
#define KMEM_AGENT_CONTROL_H

void read_control(void);

#endif
