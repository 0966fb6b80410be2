/*
 * A call that a signal takes back before it is received fails with EINTR (interruptions.h), which fork, pipe, socket
 * and mmap never do without the gate.  It is repaired when the signal's handler returns: rt_sigreturn is notified, and
 * if the context that it restores has such a call, the call is set up to be restarted, as the kernel does for its own
 * restarts (ERESTARTNOINTR).  A lost rt_sigreturn would crash its program, and is repaired in the same way.
 *
 * Only on x86-64, if the number is in the instruction before the call, a received call can no longer be lost (Linux
 * 5.19), and we may write the memory of any task.  Elsewhere, and for calls that may fail with EINTR for other reasons,
 * the loss is only counted.
 */
#ifndef KMEM_HELPER_REPAIR_H
#define KMEM_HELPER_REPAIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "seccomp.h"

/* Tests, once, whether we may write the memory of a process that is not dumpable. */
bool can_repair(void);

bool is_handler_return(const struct seccomp_data *data);

/* The task is about to wait for our answer: its registers are not known yet. */
enum { NOT_ASLEEP = -1 };

/* For a task that is in rt_sigreturn and waits for our answer to `id`.  Returns the number of calls to be restarted. */
int repair_context(int listener, uint64_t id, pid_t tid);

#endif
