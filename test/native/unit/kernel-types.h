/* BTF made by hand, type by type: their numbers count from 1 on. */
#ifndef KMEM_TEST_KERNEL_TYPES_H
#define KMEM_TEST_KERNEL_TYPES_H

#include <linux/btf.h>
#include <stddef.h>
#include <stdint.h>

#include "../../../src/native/helper/btf.h"

struct made_btf {
  uint32_t types[256]; /* words */
  char strings[512], image[2048];
  uint32_t type_words, string_bytes, count;
  size_t size;
  struct btf btf;
};

void start_types(struct made_btf *made);

/* Where it begins in the strings. */
uint32_t add_string(struct made_btf *made, const char *text);

/* Each returns the number of the type. */
uint32_t add_int(struct made_btf *made, const char *name, uint32_t size);
uint32_t add_reference(struct made_btf *made, uint32_t kind, const char *name, uint32_t type);
uint32_t add_array(struct made_btf *made, uint32_t of, uint32_t count);

struct made_member {
  const char *name;
  uint32_t type, bits; /* bits: its offset */
};
uint32_t add_record(struct made_btf *made, const char *name, uint32_t size, const struct made_member *members,
                    uint32_t count);

struct made_enumerator {
  const char *name;
  int32_t value;
};
uint32_t add_enumeration(struct made_btf *made, const char *name, const struct made_enumerator *values, uint32_t count);

/* Puts it together and parses it.  False: parse_btf() does not take it. */
bool finish_types(struct made_btf *made);
void forget_types(struct made_btf *made);

#endif
