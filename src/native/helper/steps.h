/* The steps that have begun but not ended, and the one being handed over. */
#ifndef KMEM_HELPER_STEPS_H
#define KMEM_HELPER_STEPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { MAX_STEPS = 64 }; /* running concurrently */

/* Indices of no step.  OUTSIDE: a step that the runner itself runs outside the group has an open account. */
enum { NO_STEP = -1, OUTSIDE = -2 };

enum step_state { IDLE, JOINING, FORKING, EXECUTING };

/* The hand-over, for one step at a time. */
struct handover {
  int index; /* of the step that began last; -1 before the first */
  enum step_state state;
  pid_t joiner, command;
  bool joiner_reaped, has_deputy;
  int sock;
  uint64_t fork_denied, exec_denied;
  bool no_new_privs;
  bool notified; /* one of its gated calls was seen: at the latest, the joiner's fork */
  bool ended;    /* the command has ended, the joiner not yet; its status and time follow */
  int status;
  uint64_t ended_ns;
};

/* Written by handover.c only. */
extern struct handover step;

struct running {
  int index;
  pid_t command; /* -1: none yet */
  bool background;
  uint64_t denials;
  int64_t max; /* the highest reading, in addition to the kernel's own record */
};

struct running *running_step(int index);
struct running *step_of_command(pid_t pid);
int steps_running(void);
struct running *add_running(int index, bool background);
void forget_step(int index);

/* The step that ended last if its account is open; otherwise NULL. */
struct running *ended_step(void);

void open_account(const struct running *r);
void forget_ended_step(void);

/* The highest usage counts for all steps that run, and for the one whose account is open. */
void note_max_of_steps(int64_t max);

/* The step to which an event from step `from` is booked, or NULL. */
struct running *step_for(int from);

/* Its index, or -1 if there is none. */
int64_t step_index_for(int from);

int step_by_parents(pid_t pid);

#endif
