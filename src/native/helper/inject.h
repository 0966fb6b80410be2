/* Failures requested by address. */
#ifndef KMEM_HELPER_INJECT_H
#define KMEM_HELPER_INJECT_H

#include <stdbool.h>
#include <stdint.h>

enum { LINEAGE_LENGTH = 160 };

struct injection {
  char lineage[LINEAGE_LENGTH], name[28]; /* name: empty for any call */
  uint32_t call;
  bool persistent;
  bool reached;
  uint64_t denials;
  char seen[28]; /* another call at this address, or empty */
};

/* "0.1/17:mmap+"; already checked by the runner. */
bool parse_injection(const char *text);

/* Whether the call is to fail.  `lineage`: the task's; `number`: the call's index among its gated calls. */
bool injects(const char *lineage, uint32_t number, const char *name);

/* The call has been answered.  `failed`: false for a brk that cannot fail. */
void note_injection(const char *lineage, uint32_t number, const char *name, bool failed);

/* The injection at this index of the configuration, or NULL. */
const struct injection *injection_at(int place);

#endif
