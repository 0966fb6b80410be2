/* The seccomp filter, generated from the policy. */
#ifndef KMEM_HELPER_FILTER_H
#define KMEM_HELPER_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

/* False if the program is too long. */
bool build_filter(void);

/*
 * Returns the listener, or -1.  `no_new_privs` is set to whether that flag had to be set, `killable` to whether only a
 * fatal signal ends the wait of a received call.
 */
int install_filter(struct sock_fprog *prog, bool *no_new_privs, bool *killable);

/* The program that build_filter has made. */
struct sock_fprog built_filter(void);

/* Installs the program built by build_filter, as install_filter does. */
int install_built_filter(bool *no_new_privs, bool *killable);

#endif
