/*
 * Fetches files into memory while the rest of the boot continues.
 *
 * On 5.10, 9p reads one page per message, whatever the readahead: a cold start of Node takes 1.9 s under emulation, of
 * which 1.2 s are messages.  The host names such files on the kernel's command line (kmem.prefetch=PATH); the fetcher
 * reads them with O_DIRECT, half a megabyte per message and straight into the pages of a tmpfs, which is the uppermost
 * lower layer of the overlay: 0.1 s.  The program is not started before they are complete.  Later kernels read ahead in
 * whole messages, and need none of this (6.1: 0.95 s; fetched by reading ahead: the same in all).
 *
 * If the program is the runner (kmem.serves=1), what it consists of is fetched on each kernel, and the host's root is
 * unmounted again: then nothing of the host's can grow old, and QEMU can save a snapshot, which a mounted 9p prevents.
 * Where 9p reads ahead, the fetcher does not use O_DIRECT (6.12: 0.7 s instead of 9 s).
 */
#ifndef KMEM_AGENT_FETCH_H
#define KMEM_AGENT_FETCH_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Copies owner, mode and times, so that nobody can see that it is a copy. */
bool copy_attributes(const char *target, const struct stat *st);

/* `always`: also on kernels whose 9p reads ahead. */
void setup_prefetch(bool always);

/* Whether /fetched has any files. */
bool has_fetched(void);

/* Whether every file that the host named is being or has been fetched. */
bool is_fetch_complete(void);

bool is_fetching(void);
bool is_fetcher(pid_t pid);
void handle_fetcher_exit(void);

#endif
