#include "outbox.h"

#include <stddef.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "../common/event.h"
#include "../common/json.h"
#include "ports.h"

enum { OUTBOX = 64 << 10 };

static char outbox[OUTBOX];
static size_t outbox_used;

void flush_events(void)
{
  while (outbox_used > 0) {
    ssize_t n = write(port_fd[CONTROL], outbox, outbox_used);
    if (n <= 0)
      return;
    outbox_used -= (size_t)n;
    memmove(outbox, outbox + n, outbox_used);
  }
}

void event_end(void)
{
  const struct json *line = event_line();
  if (!line->cut && line->used <= sizeof outbox - outbox_used) {
    memcpy(outbox + outbox_used, line->text, line->used);
    outbox_used += line->used;
  }
  flush_events();
}

bool has_unsent_events(void)
{
  return outbox_used > 0;
}
