/* Children of the supervisor: its own processes, the commands, and the processes they left behind. */
#ifndef KMEM_HELPER_CHILDREN_H
#define KMEM_HELPER_CHILDREN_H

void raise_priority(void);

/*
 * To be called before each wait: a storm of calls would otherwise leave an ordinary process on this CPU, such as the
 * runner, nothing of it.
 */
void share_cpu(void);

void reap_children(void);
void handle_children(int signals);

#endif
