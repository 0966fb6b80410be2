/* Small files such as those of /proc, /sys and a cgroup: read and written whole. */
#ifndef KMEM_COMMON_FILE_H
#define KMEM_COMMON_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* False, with errno set, if the file could not be opened or did not take all of the text. */
bool write_file(const char *path, const char *text);

/* NUL-terminated, and truncated to the buffer.  Returns the length, or -1. */
ssize_t read_file(const char *path, char *buffer, size_t size);

/* The same without the last newline; NULL if it cannot be read. */
char *read_text(const char *path, char *buffer, size_t size);

/* The number at the start of an open file, or -1. */
int64_t read_number(int fd);

#endif
