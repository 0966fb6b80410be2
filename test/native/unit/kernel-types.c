#include "kernel-types.h"

#include <stdlib.h>
#include <string.h>

void start_types(struct made_btf *made)
{
  *made = (struct made_btf){.string_bytes = 1};
}

uint32_t add_string(struct made_btf *made, const char *text)
{
  uint32_t at = made->string_bytes;
  if (*text == '\0')
    return 0;
  strcpy(made->strings + at, text);
  made->string_bytes += (uint32_t)strlen(text) + 1;
  return at;
}

static void add_word(struct made_btf *made, uint32_t word)
{
  made->types[made->type_words++] = word;
}

static uint32_t add_type(struct made_btf *made, uint32_t kind, const char *name, uint32_t entries,
                         uint32_t size_or_type)
{
  add_word(made, add_string(made, name));
  add_word(made, kind << 24 | entries);
  add_word(made, size_or_type);
  return ++made->count;
}

uint32_t add_int(struct made_btf *made, const char *name, uint32_t size)
{
  uint32_t id = add_type(made, BTF_KIND_INT, name, 0, size);
  add_word(made, size * 8);
  return id;
}

uint32_t add_reference(struct made_btf *made, uint32_t kind, const char *name, uint32_t type)
{
  return add_type(made, kind, name, 0, type);
}

uint32_t add_array(struct made_btf *made, uint32_t of, uint32_t count)
{
  uint32_t id = add_type(made, BTF_KIND_ARRAY, "", 0, 0);
  add_word(made, of);
  add_word(made, of);
  add_word(made, count);
  return id;
}

uint32_t add_record(struct made_btf *made, const char *name, uint32_t size, const struct made_member *members,
                    uint32_t count)
{
  uint32_t id = add_type(made, BTF_KIND_STRUCT, name, count, size);
  for (uint32_t i = 0; i < count; i++) {
    add_word(made, add_string(made, members[i].name));
    add_word(made, members[i].type);
    add_word(made, members[i].bits);
  }
  return id;
}

uint32_t add_enumeration(struct made_btf *made, const char *name, const struct made_enumerator *values, uint32_t count)
{
  uint32_t id = add_type(made, BTF_KIND_ENUM, name, count, 4);
  for (uint32_t i = 0; i < count; i++) {
    add_word(made, add_string(made, values[i].name));
    add_word(made, (uint32_t)values[i].value);
  }
  return id;
}

bool finish_types(struct made_btf *made)
{
  uint32_t type_bytes = made->type_words * (uint32_t)sizeof *made->types;
  struct btf_header header = {.magic = BTF_MAGIC,
                              .version = 1,
                              .hdr_len = sizeof header,
                              .type_len = type_bytes,
                              .str_off = type_bytes,
                              .str_len = made->string_bytes};
  memcpy(made->image, &header, sizeof header);
  memcpy(made->image + sizeof header, made->types, type_bytes);
  memcpy(made->image + sizeof header + type_bytes, made->strings, made->string_bytes);
  made->size = sizeof header + type_bytes + made->string_bytes;
  return parse_btf(&made->btf, made->image, made->size);
}

void forget_types(struct made_btf *made)
{
  free(made->btf.at);
  made->btf.at = NULL;
}
