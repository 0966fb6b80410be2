/*
 * Fetches files into memory while the rest of the boot continues.
 *
 * On 5.10, 9p reads one page per message, whatever the readahead: a cold start of Node takes 1.9 s under emulation, of
 * which 1.2 s are messages.  The host names such files on the kernel's command line (kmem.prefetch=PATH); the fetcher
 * reads them with O_DIRECT, half a megabyte per message and straight into the pages of a tmpfs, which is the uppermost
 * lower layer of the overlay: 0.1 s.  The program is not started before they are complete.  Later kernels read ahead in
 * whole messages, and need none of this (6.1: 0.95 s; fetched by reading ahead: the same in all).
 */
#ifndef KMEM_AGENT_FETCH_H
#define KMEM_AGENT_FETCH_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Copies owner, mode and times, so that nobody can see that it is a copy. */
bool copy_attributes(const char *target, const struct stat *st);

void setup_prefetch(void);

/* Whether /fetched has any files. */
bool has_fetched(void);

bool is_fetching(void);
bool is_fetcher(pid_t pid);
void handle_fetcher_exit(void);

#endif
