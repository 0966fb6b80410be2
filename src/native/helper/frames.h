/* A program's stack as places in files, which stay valid when the process is gone. */
#ifndef KMEM_HELPER_FRAMES_H
#define KMEM_HELPER_FRAMES_H

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct frames;

/*
 * `at`: addresses from the inside out, 0 ends the list.  NULL if there are none, or if the task has ended or executes
 * another program by now, which is recognised by its command name.
 */
struct frames *locate_frames(pid_t tid, const char *comm, const __u64 *at, int count);

/* Lines "OFFSET FILE", the offset in hexadecimal; "?": in no file.  As many as fit. */
const char *frames_text(const struct frames *frames, char *text, size_t size);

#endif
