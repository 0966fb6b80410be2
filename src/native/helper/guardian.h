/* The guardian: keeps the listeners open when the supervisor dies, and ends the group then. */
#ifndef KMEM_HELPER_GUARDIAN_H
#define KMEM_HELPER_GUARDIAN_H

#include <stdbool.h>
#include <sys/types.h>

enum { LOCK_FD = 4 };

bool start_guardian(void);

/* Gives it a copy of the listener, and waits until it has it. */
bool share_with_guardian(int listener);
bool is_guardian(pid_t pid);

/* At the end of the run. */
void dismiss_guardian(void);

/* It has died before the end of the run: reports that and kills the group. */
void handle_guardian_exit(void);

#endif
