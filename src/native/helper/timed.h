/*
 * Work that may wait for ever, done by a thread with a limit of time.  A page of another task may lie in a userfaultfd, or in a
 * file of a FUSE server: whoever reads it waits, deaf to signals but SIGKILL, for a task that may be waiting for us.
 */
#ifndef KMEM_HELPER_TIMED_H
#define KMEM_HELPER_TIMED_H

#include <stdbool.h>
#include <stddef.h>

enum { MOST_TIMED_BYTES = 4352 };

/*
 * Calls work() with a copy of `size` bytes of data, and copies them back.  False: it was not done in time, or there are
 * too many already that were not; the data is as before.  Work may do parts of it by this, too.
 */
bool do_in_time(void (*work)(void *data), void *data, size_t size);

/*
 * Between the two this process may wait for 5 to 10 s: after that it is killed, and with it what it holds.  False: nobody
 * watches that, or it is part of work whose time is limited.
 */
bool begin_wait(void);
void end_wait(void);

#endif
