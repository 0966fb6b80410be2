/*
 * Programs that stay attached between the runs of an experiment, and are lent to one after another: loading takes longer
 * than a short run, and attaching and detaching are slow if nothing else is attached to the same function (the kernel
 * waits for all tasks).
 */
#ifndef KMEM_HELPER_KEEPER_H
#define KMEM_HELPER_KEEPER_H

#include <stdbool.h>

/*
 * Attaches what a run attaches, for no group, until end of file on stdin.  "keep-native": also what detects the kernel's
 * own refusals.  "keep-enforcing": also what refuses; its granularity is printed first, as by show_granularity().  With
 * the word "lend" behind it, prints what to tell the helper that borrows the programs ("lent-watch", "lent-calls" in
 * config.c), in JSON, and again after each byte on stdin: they watch nobody by then.  Returns the exit status.
 */
int keep_attached(char **argv);

/* "keep", "keep-native" or "keep-enforcing". */
bool is_keeper(const char *use);

#endif
