/*
 * Programs of the runner's outside the group.  The owner starts one as its child, and ends it and all that it has started when
 * the runner closes the control socket or dies, or when the owner itself dies (guardian.h).
 */
#ifndef KMEM_HELPER_OWN_H
#define KMEM_HELPER_OWN_H

/*
 * `words`: a user's number and a group's (or two empty words), the program and its arguments.  Reports "exit" or "setup-error";
 * what the program leaves running is kept until the socket is closed.  Takes "signal NUMBER", for the program's process
 * group.  Returns the helper's exit status.
 */
int own(char **words);

#endif
