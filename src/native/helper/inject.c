#include "inject.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/memory.h"

static struct injection *injections;
static int injection_count;

bool parse_injection(const char *text)
{
  injections = must(realloc(injections, (size_t)(injection_count + 1) * sizeof *injections));
  struct injection *i = &injections[injection_count++];
  *i = (struct injection){0};
  size_t n = strlen(text);
  i->persistent = n > 0 && text[n - 1] == '+';
  return sscanf(text, "%159[^/]/%" SCNu32 ":%27[^+]", i->lineage, &i->call, i->name) >= 2;
}

/* The part of a thread's lineage that identifies its process: "0.1" of "0.1.t2.t1". */
static size_t process_length(const char *lineage)
{
  size_t n = strlen(lineage);
  for (const char *dot; (dot = memrchr(lineage, '.', n)) != NULL && dot[1] == 't';)
    n = (size_t)(dot - lineage);
  return n;
}

static bool same_process(const char *a, const char *b)
{
  size_t n = process_length(a);
  return n == process_length(b) && !strncmp(a, b, n);
}

static bool injects_into(struct injection *i, const char *lineage, uint32_t number, const char *name)
{
  if (i->reached)
    return i->persistent && same_process(i->lineage, lineage);
  if (number != i->call || strcmp(lineage, i->lineage))
    return false;
  if (*i->name == '\0' || !strcmp(i->name, name))
    return true;
  if (*i->seen == '\0')
    snprintf(i->seen, sizeof i->seen, "%s", name);
  return false;
}

bool injects(const char *lineage, uint32_t number, const char *name)
{
  bool any = false;
  for (int i = 0; i < injection_count; i++)
    any |= injects_into(&injections[i], lineage, number, name);
  return any;
}

void note_injection(const char *lineage, uint32_t number, const char *name, bool failed)
{
  for (int i = 0; i < injection_count; i++)
    if (injects_into(&injections[i], lineage, number, name)) {
      injections[i].reached = true;
      injections[i].denials += failed;
    }
}

const struct injection *injection_at(int place)
{
  return place < injection_count ? &injections[place] : NULL;
}
