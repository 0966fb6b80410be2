/*
 * The runner's programs outside the group.  The owner starts one as its child, and kills it and all its descendants
 * when the runner closes the control socket or dies, or when the owner itself dies (guardian.h).
 */
#ifndef KMEM_HELPER_OWN_H
#define KMEM_HELPER_OWN_H

/*
 * `words`: a uid and a gid (or two empty words), the program and its arguments.  Reports "exit" or "setup-error";
 * processes that the program leaves running are kept until the socket is closed.  Accepts "signal NUMBER", for the
 * program's process group.  Returns the helper's exit status.
 */
int own(char **words);

#endif
