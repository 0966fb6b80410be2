/*
 * Messages between the helper's processes, with or without a descriptor; and the descriptors that a child keeps open.
 */
#ifndef KMEM_HELPER_MESSAGE_H
#define KMEM_HELPER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

bool send_message(int sock, const void *data, size_t size, int fd);
ssize_t receive_message(int sock, void *data, size_t size, int *fd, int flags);
void close_others(int first, int second);
void silence_stdio(void);

#endif
