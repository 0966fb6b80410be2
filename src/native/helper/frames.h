/* A program's stack as places in files, which stay valid when the process is gone. */
#ifndef KMEM_HELPER_FRAMES_H
#define KMEM_HELPER_FRAMES_H

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct frames;

/*
 * `task`: tgid << 32 | tid.  `at`: addresses from the inside out, 0 ends the list.  NULL if there are none, or if the task has ended or executes
 * another program by now, which is recognised by its command name.  The process's mappings are read once, until
 * forget_maps().
 */
struct frames *locate_frames(uint64_t task, const char *comm, const __u64 *at, int count);

void forget_maps(void);

/*
 * Lines "OFFSET FILE", the offset in hexadecimal.  Code in no file, which the program has generated: "ADDRESS #PID UID",
 * the process and its owner.  As many as fit.
 */
const char *frames_text(const struct frames *frames, char *text, size_t size);

#endif
