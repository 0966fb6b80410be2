#include "fit.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/memory.h"
#include "elf.h"
#include "relocate.h"

/* The objects are ours and were tested: a mismatch is a bug in them. */
_Noreturn void bad_object(const char *what)
{
  fprintf(stderr, "kmem-helper: %s in a BPF object\n", what);
  abort();
}

/* The header of .BTF.ext; linux/btf.h lacks it. */
struct core_header {
  uint16_t magic;
  uint8_t version, flags;
  uint32_t length, function_at, function_size, line_at, line_size, core_at, core_size;
};

/* The places of one section of code, or NULL. */
static const struct core_place *places_of(const struct btf_object *o, const char *section, uint32_t *count)
{
  const Elf64_Shdr *extra = find_section(o->image, ".BTF.ext");
  const struct core_header *header = extra ? (const void *)(o->image + extra->sh_offset) : NULL;
  if (header == NULL || header->length < sizeof *header || header->core_size == 0)
    return NULL;
  const char *at = (const char *)header + header->length + header->core_at, *end = at + header->core_size;
  uint32_t record = *(const uint32_t *)(const void *)at;
  if (record != sizeof(struct core_place))
    bad_object("places of another size");
  for (at += sizeof record; at < end;) {
    const uint32_t *head = (const void *)at; /* section name, number of places */
    at += 2 * sizeof *head;
    *count = head[1];
    if (!strcmp(btf_string(&o->types, head[0]), section))
      return (const void *)at;
    at += *count * record;
  }
  return NULL;
}

const char *tracepoint_of(const char *section, const char *kind)
{
  size_t length = strlen(kind);
  return !strncmp(section, kind, length) && section[length] == '/' ? section + length + 1 : NULL;
}

/*
 * All names that the open objects need from the kernel's types, found in one pass: there are over a hundred thousand
 * types.  `sought`: the number of names looked up so far.
 */
enum { MAX_NAMES = 120 };

static struct btf_name names[MAX_NAMES];
static int name_count, sought;

static struct btf_name *entry_of(const struct btf_name *name)
{
  for (int i = 0; i < name_count; i++)
    if (names[i].kinds == name->kinds && !strcmp(names[i].name, name->name))
      return &names[i];
  if (name_count == MAX_NAMES)
    bad_object("too many types");
  names[name_count] = *name;
  return &names[name_count++];
}

/* What the program attaches to, in the kernel's types; false if that is not given by its section. */
static bool target_name(const char *section, struct btf_name *name)
{
  const char *tracepoint = tracepoint_of(section, "tp_btf"), *function = tracepoint_of(section, "fmod_ret");
  *name = (struct btf_name){.kinds = 1u << (tracepoint ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC)};
  if (tracepoint)
    snprintf(name->name, sizeof name->name, "btf_trace_%s", tracepoint);
  else if (function)
    snprintf(name->name, sizeof name->name, "%s", function);
  return tracepoint || function;
}

void note_names(const struct btf_object *o, const char *section)
{
  uint32_t count = 0;
  const struct core_place *place = places_of(o, section, &count);
  struct btf_name name;
  if (target_name(section, &name))
    entry_of(&name);
  for (uint32_t p = 0; place && p < count; p++)
    name = kernel_name(&o->types, &place[p]), entry_of(&name);
}

/* The number of the kernel's type of that name, or 0. */
static uint32_t kernel_type(const struct btf *kernel, const struct btf_name *name)
{
  const struct btf_name *entry = entry_of(name);
  if (sought < name_count) {
    find_names(kernel, names + sought, name_count - sought);
    sought = name_count;
  }
  return entry->id;
}

/*
 * The results are valid until the next boot.  One word per program: its object and section, the number of its attach target, and
 * for each place "-" or a number, all in hexadecimal.
 */
enum { MAX_FITTED = 48, FITTED_LENGTH = 2048 };

static char *fitted[MAX_FITTED];
static int fitted_count;

void remember_fitted(const char *word)
{
  if (fitted_count < MAX_FITTED)
    fitted[fitted_count++] = must(strdup(word));
}

static const char *fitted_to(const char *object, const char *section)
{
  char program[128];
  size_t length = (size_t)snprintf(program, sizeof program, "%s/%s", object, section);
  for (int i = 0; i < fitted_count; i++)
    if (!strncmp(fitted[i], program, length) && fitted[i][length] == ':')
      return fitted[i] + length + 1;
  return NULL;
}

const char *fitted_word(int index)
{
  return index < fitted_count ? fitted[index] : NULL;
}

/* False if it is from another helper. */
static bool fit_as_before(const char *known, const struct core_place *place, uint32_t count, struct bpf_insn *code,
                          uint32_t length, uint32_t *function)
{
  char *rest;
  *function = (uint32_t)strtoul(known, &rest, 16);
  for (uint32_t i = 0; i < count; i++) {
    struct core_value value = {.is_there = rest[0] == ':' && rest[1] != '-'};
    if (rest[0] != ':')
      return false;
    rest++;
    if (value.is_there)
      value.value = strtoull(rest, &rest, 16);
    else
      rest++;
    if (!put_place(code, length, &place[i], &value))
      return false;
  }
  return *rest == '\0';
}

static void add_value(char *word, size_t *used, const struct core_value *value)
{
  if (*used >= FITTED_LENGTH)
    return;
  char *end = word + *used;
  size_t room = FITTED_LENGTH - *used;
  *used += (size_t)(value->is_there ? snprintf(end, room, ":%" PRIx64, value->value) : snprintf(end, room, ":-"));
}

bool fit_to_kernel(const struct btf_object *o, const char *section, struct bpf_insn *code, uint32_t length,
                   uint32_t *function)
{
  uint32_t count = 0;
  const struct core_place *place = places_of(o, section, &count);
  const char *known = fitted_to(o->name, section);
  struct btf_name target;
  bool has_target = target_name(section, &target);
  if (place == NULL && !has_target)
    return true;
  if (known && fit_as_before(known, place, count, code, length, function))
    return true;
  const struct btf *kernel = kernel_btf();
  if (kernel == NULL)
    return false;
  if (has_target) {
    *function = kernel_type(kernel, &target);
    if (*function == 0) {
      errno = ENOENT;
      return false;
    }
  }
  char word[FITTED_LENGTH];
  size_t used = (size_t)snprintf(word, sizeof word, "%s/%s:%x", o->name, section, *function);
  for (uint32_t i = 0; place && i < count; i++) {
    struct btf_name name = kernel_name(&o->types, &place[i]);
    struct core_value value;
    if (!resolve_place(&o->types, &place[i], kernel, kernel_type(kernel, &name), &value) ||
        !put_place(code, length, &place[i], &value))
      bad_object("a place");
    add_value(word, &used, &value);
  }
  if (used < sizeof word)
    remember_fitted(word);
  return true;
}
