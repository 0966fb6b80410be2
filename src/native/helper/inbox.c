#include "inbox.h"

#include <stdlib.h>
#include <string.h>

#include "../common/memory.h"

char *inbox_room(struct inbox *inbox, size_t *room)
{
  if (inbox->size - inbox->used < 65536) {
    inbox->size = inbox->size * 2 + 131072;
    inbox->bytes = must(realloc(inbox->bytes, inbox->size));
  }
  *room = inbox->size - inbox->used;
  return inbox->bytes + inbox->used;
}

/* The length of the first message and its number of words; 0 if it is incomplete. */
static size_t first_message(const struct inbox *inbox, size_t *count)
{
  size_t start = 0;
  *count = 0;
  for (size_t i = 0; i < inbox->used; i++) {
    if (inbox->bytes[i] != '\0')
      continue;
    if (i == start)
      return i + 1;
    (*count)++;
    start = i + 1;
  }
  return 0;
}

/*
 * The first message: its words, ended by NULL, which are valid until end_message; the caller frees the list.  NULL if
 * no complete message has arrived.
 */
char **next_message(struct inbox *inbox)
{
  size_t count, length = first_message(inbox, &count);
  if (length == 0)
    return NULL;
  char **words = must(calloc(count + 1, sizeof *words));
  char *p = inbox->bytes;
  inbox->message = length;
  for (size_t i = 0; i < count; i++, p += strlen(p) + 1)
    words[i] = p;
  return words;
}

void end_message(struct inbox *inbox)
{
  memmove(inbox->bytes, inbox->bytes + inbox->message, inbox->used - inbox->message);
  inbox->used -= inbox->message;
}
