#include "interruptions.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../common/memory.h"

enum { MANY_GAPS = 1000 };

/* Indexed by descriptor; the number of a closed one is reused. */
static struct numbering {
  bool started, to_the_end;
  uint64_t next;
  int64_t gaps;
  int64_t lost; /* lost calls that count, unrepaired */
} * numberings;

static int numbering_count;
static int64_t lost;

static struct numbering *numbering_of(int listener)
{
  if (listener < 0)
    return NULL;
  if (listener >= numbering_count) {
    int count = listener + 64;
    numberings = must(realloc(numberings, (size_t)count * sizeof *numberings));
    memset(numberings + numbering_count, 0, (size_t)(count - numbering_count) * sizeof *numberings);
    numbering_count = count;
  }
  return &numberings[listener];
}

void begin_listener(int listener, bool to_the_end)
{
  struct numbering *n = numbering_of(listener);
  if (n != NULL)
    *n = (struct numbering){.to_the_end = to_the_end};
}

bool note_id(int listener, uint64_t id, bool counts)
{
  struct numbering *n = numbering_of(listener);
  if (n == NULL)
    return false;
  int64_t gap = n->started ? (int64_t)(id - n->next) : 0; /* numbers may wrap around */
  bool had_many = n->gaps >= MANY_GAPS;
  n->gaps += gap > 0;
  n->lost += counts ? gap : 0;
  lost += counts ? gap : 0;
  n->started = true;
  n->next = id + 1;
  return !had_many && n->gaps >= MANY_GAPS;
}

void note_gone(int listener)
{
  const struct numbering *n = numbering_of(listener);
  if (n != NULL && n->to_the_end)
    lost++;
}

bool has_lost(int listener)
{
  const struct numbering *n = numbering_of(listener);
  return n == NULL || n->gaps > 0;
}

void note_repaired(int listener, int count)
{
  struct numbering *n = numbering_of(listener);
  if (n == NULL)
    return;
  int64_t counted = count < n->lost ? count : n->lost;
  n->lost -= counted;
  lost -= counted;
}

int64_t interruptions(void)
{
  return lost;
}
