/*
 * The guardian: the parent of the process that does the work, which is the supervisor, or the owner of a program outside
 * the group (own.h).  It is a subreaper: what that process has started becomes its own child when that process dies, wherever
 * it has moved to, and is killed.  It keeps the listeners open meanwhile, and ends the group.
 */
#ifndef KMEM_HELPER_GUARDIAN_H
#define KMEM_HELPER_GUARDIAN_H

#include <stdbool.h>

enum { LOCK_FD = 4 };

/* Returns in a child, whose guardian is the caller from then on; -1 if it cannot be forked, otherwise a socket to watch. */
int start_guardian(void);

/* "KEY=VALUE" of the configuration: what it needs to know to end the group. */
void tell_guardian(const char *word);

/* Gives it a copy of the listener, and waits until it has it. */
bool share_with_guardian(int listener);

/* At the end: there is no group left that it would have to end. */
void release_guardian(void);

/* The socket can be read: if the guardian has died before the end of the run, reports that and kills the group. */
void handle_guardian_end(void);

#endif
