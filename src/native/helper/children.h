/* Children of the supervisor: its own processes, the commands, and the processes they left behind. */
#ifndef KMEM_HELPER_CHILDREN_H
#define KMEM_HELPER_CHILDREN_H

void raise_priority(void);
void reap_children(void);
void handle_children(int signals);

#endif
