/*
 * `kmem-helper within HOLDER DIRECTORY USE…`: one of the other uses, in the namespaces of a microVM's run and in that
 * folder of its.  HOLDER is a process in them.
 */
#ifndef KMEM_HELPER_WITHIN_H
#define KMEM_HELPER_WITHIN_H

#include <stdbool.h>

/* False, with errno set: it could not. */
bool join_namespaces(const char *holder, const char *directory);

/* `kmem-helper connect ADDRESS PORT`: fd 3 talks to who listens there, after a byte that is 0, or an errno. */
int connect_to(const char *address, const char *port);

#endif
