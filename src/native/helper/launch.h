/* A step's own processes: the joiner, and the command that it starts in the group. */
#ifndef KMEM_HELPER_LAUNCH_H
#define KMEM_HELPER_LAUNCH_H

#include <signal.h>
#include <stdbool.h>

#include "config.h"

struct status {
  char kind; /* 'L', 'N', 'C', 'E'; to the child: 'f', 'g' */
  bool no_new_privs;
  bool killable; /* once a call has been received, only a fatal signal ends its wait */
  int error;
  int pid;
  char stage[16];
};

/* The signal mask to restore for the command. */
void keep_signal_mask(const sigset_t *mask);

_Noreturn void joiner_main(int sock, const struct step_request *request);

#endif
