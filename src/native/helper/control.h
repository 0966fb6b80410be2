/* Requests from the runner: configuration, steps, limits, figures, the end. */
#ifndef KMEM_HELPER_CONTROL_H
#define KMEM_HELPER_CONTROL_H

void handle_control(void);

#endif
