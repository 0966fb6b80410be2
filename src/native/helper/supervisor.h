/* The supervisor: setup and loop. */
#ifndef KMEM_HELPER_SUPERVISOR_H
#define KMEM_HELPER_SUPERVISOR_H

int supervise(void);

#endif
