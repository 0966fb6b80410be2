/*
 * The guardian: the parent of the working process, which is the supervisor, or the owner of a program outside the group
 * (own.h).  It is a subreaper: when that process dies, all that it started, wherever it has moved to, becomes a child
 * of the guardian and is killed.  It keeps the listeners open meanwhile, and ends the group.
 */
#ifndef KMEM_HELPER_GUARDIAN_H
#define KMEM_HELPER_GUARDIAN_H

#include <stdbool.h>

enum { LOCK_FD = 4 };

/* Returns in a child, whose guardian is now the caller; -1 if the fork fails, otherwise a socket to watch. */
int start_guardian(void);

/* "KEY=VALUE" of the configuration: the settings it needs to kill the group. */
void tell_guardian(const char *word);

/* Sends it a copy of the listener, and waits for the acknowledgement. */
bool share_with_guardian(int listener);

/* At the end: there is no group left for it to kill. */
void release_guardian(void);

/*
 * Call when the socket is readable: if the guardian died before the end of the run, reports that and kills the group.
 */
void handle_guardian_end(void);

#endif
