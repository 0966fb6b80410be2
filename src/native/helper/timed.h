/*
 * Work that may block for ever, done by a thread with a time limit.  A page of another task may be backed by a
 * userfaultfd or by a file of a FUSE server: its reader then waits, ignoring all signals but SIGKILL, for a task that
 * may be waiting for us.
 */
#ifndef KMEM_HELPER_TIMED_H
#define KMEM_HELPER_TIMED_H

#include <stdbool.h>
#include <stddef.h>

enum { MOST_TIMED_BYTES = 4352 };

/*
 * Calls work() with a copy of `size` bytes of data and copies them back.  False if it did not finish in time, or if too
 * many others have not: data is then unchanged.  Work may itself use this for parts of it.
 */
bool do_in_time(void (*work)(void *data), void *data, size_t size);

/*
 * Between these two calls, this process may wait for 5 to 10 s; after that it is killed, with all that it holds.  False
 * if nothing watches the wait, or if it is part of work with a time limit.
 */
bool begin_wait(void);
void end_wait(void);

#endif
