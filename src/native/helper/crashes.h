/*
 * Which processes of the group crash, also those whose parents hide it.
 *
 * Only a parent is told how its child ended, and a server that starts another worker tells nobody.  So the supervisor
 * holds a pidfd of each process that makes a gated call; it is readable when the process has ended.  How it ended:
 *
 *   a zombie         /proc/PID/stat has its wait status as the last field
 *   reaped already   PIDFD_GET_INFO tells, since Linux 6.15; before that it is not known
 *   a child of ours  (the command, an orphan) its wait status, when we reap it
 *
 * Not seen: a process that crashes before its first gated call (its parent's next fork or exit makes it known too), and
 * any beyond MAX_WATCHED processes alive at one time.
 */
#ifndef KMEM_HELPER_CRASHES_H
#define KMEM_HELPER_CRASHES_H

#include <sys/types.h>

/* `step_index`: the step that the process belongs to. */
void watch_process(pid_t pid, int step_index);

void handle_death(int fd);

/* A child that we have reaped. */
void note_reaped(pid_t pid, int status);

/* Reads the deaths so far. */
void read_deaths(void);

#endif
