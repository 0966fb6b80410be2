#include "symbols.h"

#include <stdio.h>
#include <string.h>

#include "../bpf/shared.h"
#include "bpf.h"
#include "object_load.h"

/* Names found so far, by address: stacks have most functions in common. */
enum { MAX_NAMES = 4096 };

static struct symbol known[MAX_NAMES];

void prepare_names(struct object *object)
{
  load_object_program(object, "syscall/name", 0);
}

static struct symbol *entry_for(uint64_t address)
{
  size_t first = (size_t)(address * 0x9e3779b97f4a7c15ull >> 52);
  for (size_t i = 0; i < 8; i++) {
    struct symbol *entry = &known[(first + i) % MAX_NAMES];
    if (entry->address == 0 || entry->address == address)
      return entry;
  }
  known[first].address = 0;
  return &known[first];
}

static const char *name_of(struct object *object, int naming, uint64_t address)
{
  struct symbol *entry = entry_for(address), *asked = object_variable(object, "symbol");
  if (entry->address == address)
    return entry->name;
  asked->address = address;
  if (!run_program(naming))
    return NULL;
  memcpy(entry, asked, sizeof *entry);
  entry->name[strcspn(entry->name, " ")] = '\0'; /* the name of its module follows */
  return entry->name;
}

const char *name_functions(struct object *object, const __u64 *at, int count, char *text, size_t size)
{
  int naming = load_object_program(object, "syscall/name", 0);
  size_t length = 0;
  if (naming < 0 || at[0] == 0)
    return NULL;
  for (int i = 0; i < count && at[i] != 0; i++) {
    const char *name = name_of(object, naming, at[i]);
    if (name == NULL)
      return NULL;
    int written = snprintf(text + length, size - length, "%s%.*s", i > 0 ? " " : "", SYMBOL, name);
    if (written < 0 || (size_t)written >= size - length)
      break;
    length += (size_t)written;
  }
  text[length] = '\0';
  return text;
}
