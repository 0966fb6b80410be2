/*
 * Addresses of calls.
 *
 * A task's address does not depend on pids or scheduling: its step, then for each generation which of the parent's
 * clones created it ("0.2" is what the second clone of step 0's command made; "0.t1" its first thread), then the number
 * of its gated calls so far: "0.2/17:mmap".  The fork that starts the step is "0/0:clone3".
 *
 * A clone is seen at its entry, before the child has a pid.  There is a look at a thread's children whenever it clones
 * again, so a child that nobody knows is that of its parent's latest clone.  The other moments to look are the child's
 * own first call and the parent's exit (exit and exit_group are watched for that: afterwards it would be our child).
 * /proc tells no parent of a thread; but the kernel writes a new thread's tid to where CLONE_PARENT_SETTID says, which C
 * libraries ask for.  Without it a thread has an address only where a single clone can have made it.
 *
 * A clone whose child was never seen, and which comes again from the same place, is the same one: fork is restarted
 * when a signal is pending.
 */
#ifndef KMEM_HELPER_LINEAGE_H
#define KMEM_HELPER_LINEAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "inject.h"
#include "request.h"
#include "seccomp.h"

enum { ADDRESS_LENGTH = 224 };

struct task {
  bool used, exits;                     /* exits: its tid may be reused by another task */
  bool starts;                          /* ours, which forks the step: its calls are not numbered */
  bool process_pending, thread_pending; /* the child of the latest clone has not been seen */
  pid_t tid, tgid, parent;
  uint32_t calls, processes, threads;
  uint64_t start;       /* as in /proc: with the tid it identifies a task for good */
  uint64_t tid_address; /* memory address of the latest thread's tid, or 0 */
  struct seccomp_data last;
  char lineage[LINEAGE_LENGTH];
};

void start_tracking(void);
bool is_tracking(void);
struct task *find_task(pid_t tid);
void forget_task(pid_t tid);

/* It has the helper's name, and its pid was not announced: while a step starts it can be no other process. */
bool is_deputy(pid_t tid);

/* Adds the command before it can be taken for a child of the joiner. */
void add_own_task(pid_t tid, int step_index);

/* "0.2/17:mmap", or NULL if it is unknown. */
const char *address_of(const struct request *r, char *text, size_t size);

void note_call(const struct request *r);
void note_unanswered(const struct request *r);

/* A denied clone creates no child, and if it is repeated, it is a new one. */
void note_denial(const struct request *r);

#endif
