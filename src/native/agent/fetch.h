/*
 * Files fetched into memory while the rest of the boot goes on.
 *
 * On 5.10 9p reads a page a message, whatever the readahead: a cold start of Node takes 1.9 s under emulation, of which
 * 1.2 s are messages.  The host names such files on the kernel's command line (kmem.prefetch=PATH); the fetcher reads
 * them with O_DIRECT, half a megabyte a message and straight into the pages of a tmpfs, which is the uppermost lower
 * layer of the overlay: 0.1 s.  The program is not started before they are whole.  Later kernels read ahead in whole
 * messages, and need none of this (6.1: 0.95 s; fetched by reading ahead: the same in all).
 */
#ifndef KMEM_AGENT_FETCH_H
#define KMEM_AGENT_FETCH_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Owner, mode and times of the original, so that nobody sees that it is a copy. */
bool copy_attributes(const char *target, const struct stat *st);

void setup_prefetch(void);

/* Whether there is anything in /fetched. */
bool has_fetched(void);

/* Whether the host's files, below this folder, are still those that were fetched; the others are left to 9p from now on. */
bool are_fetched_current(const char *lower);

bool is_fetching(void);
bool is_fetcher(pid_t pid);
void handle_fetcher_exit(void);

#endif
