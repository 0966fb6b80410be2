/* Messages from the runner, as they arrive: lists of NUL-terminated words, each list ended by an empty word. */
#ifndef KMEM_HELPER_INBOX_H
#define KMEM_HELPER_INBOX_H

#include <stddef.h>

struct inbox {
  char *bytes;
  size_t used, size;
  size_t message; /* length of the message being handled: its words may have been modified */
};

/* Where to put the next bytes, and the maximum number; add them to `used`. */
char *inbox_room(struct inbox *inbox, size_t *room);

/* The words of the first whole message, or NULL; see inbox.c. */
char **next_message(struct inbox *inbox);

/* Discards the message returned by next_message. */
void end_message(struct inbox *inbox);

#endif
