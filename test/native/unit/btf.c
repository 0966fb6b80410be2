/* BTF: what a description of types says, and that a damaged one is harmless. */
#include "../../../src/native/helper/btf.h"

#include <stdlib.h>
#include <string.h>

#include "kernel-types.h"
#include "tap.h"

static void make_some(struct made_btf *made)
{
  static const struct made_enumerator values[] = {{"first", 0}, {"second", 7}};
  start_types(made);
  uint32_t number = add_int(made, "int", 4);                                 /* 1 */
  uint32_t constant = add_reference(made, BTF_KIND_CONST, "", number);       /* 2 */
  uint32_t alias = add_reference(made, BTF_KIND_TYPEDEF, "alias", constant); /* 3 */
  uint32_t array = add_array(made, alias, 10);                               /* 4 */
  uint32_t pointer = add_reference(made, BTF_KIND_PTR, "", array);           /* 5 */
  const struct made_member members[] = {{"a", alias, 0}, {"b", array, 32}, {"c", pointer, 384}};
  add_record(made, "things", 56, members, 3);         /* 6 */
  add_enumeration(made, "which", values, 2);          /* 7 */
  add_reference(made, BTF_KIND_TYPEDEF, "things", 6); /* 8 */
  add_reference(made, BTF_KIND_TYPEDEF, "round", 9);  /* 9: itself */
}

static void test_types(void)
{
  struct made_btf made;
  make_some(&made);
  check(finish_types(&made), "btf: it is read");
  const struct btf *btf = &made.btf;
  check_number(btf->count, 10, "btf: all types are numbered");
  check_text(btf_string(btf, btf_type(btf, 6)->name_off), "things", "btf: name of a type");
  check(btf_type(btf, 0) == NULL && btf_type(btf, 10) == NULL, "btf: no type has another number");
  check_text(btf_string(btf, 1 << 20), "", "btf: a string that is not there");
  check_number(btf_plain(btf, 3), 1, "btf: through typedef and const");
  check_number(btf_plain(btf, 9), 0, "btf: a typedef of itself is none");
  check_number((long long)btf_size(btf, 4), 40, "btf: size of an array");
  check_number((long long)btf_size(btf, 5), 8, "btf: size of a pointer");
  check_number((long long)btf_size(btf, 6), 56, "btf: size of a structure");
  check_number((long long)btf_size(btf, 0), 0, "btf: void has no size");
  struct btf_name names[] = {{.name = "things", .kinds = 1u << BTF_KIND_TYPEDEF},
                             {.name = "things", .kinds = 1u << BTF_KIND_STRUCT},
                             {.name = "which", .kinds = 1u << BTF_KIND_STRUCT, .id = 5},
                             {.name = "which", .kinds = 1u << BTF_KIND_ENUM}};
  find_names(btf, names, 4);
  check(names[0].id == 8 && names[1].id == 6, "btf: two types of one name are found by their kinds");
  check(names[2].id == 0 && names[3].id == 7, "btf: a name of another kind is not found");
  forget_types(&made);
}

/* Whatever the data says, nothing outside it is read: AddressSanitizer checks this. */
static void use(const char *data, size_t size)
{
  struct btf btf;
  char *copy = malloc(size > 0 ? size : 1);
  memcpy(copy, data, size);
  if (parse_btf(&btf, copy, size)) {
    struct btf_name names[] = {{.name = "things", .kinds = 1u << BTF_KIND_STRUCT},
                               {.name = "which", .kinds = 1u << BTF_KIND_ENUM}};
    find_names(&btf, names, 2);
    for (uint32_t id = 0; id <= btf.count; id++) {
      const struct btf_type *t = btf_type(&btf, id);
      btf_size(&btf, id);
      btf_plain(&btf, id);
      if (t == NULL)
        continue;
      btf_string(&btf, t->name_off);
      if (BTF_INFO_KIND(t->info) == BTF_KIND_STRUCT)
        for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++)
          btf_string(&btf, ((const struct btf_member *)(t + 1))[i].name_off);
    }
    free(btf.at);
  }
  free(copy);
}

static void test_damage(void)
{
  struct made_btf made;
  char damaged[sizeof made.image];
  make_some(&made);
  finish_types(&made);
  forget_types(&made);
  for (size_t size = 0; size < made.size; size++)
    use(made.image, size);
  check(true, "btf: cut short");
  for (size_t at = 0; at < made.size; at++)
    for (unsigned byte = 0; byte < 256; byte += 15) {
      memcpy(damaged, made.image, made.size);
      damaged[at] = (char)byte;
      use(damaged, made.size);
    }
  check(true, "btf: one byte is another");
  struct btf btf;
  memcpy(damaged, made.image, made.size);
  damaged[made.size - 1] = 'x';
  check(!parse_btf(&btf, damaged, made.size), "btf: strings without an end are refused");
  check(!parse_btf(&btf, "", 0) && !parse_btf(&btf, made.image, sizeof(struct btf_header) - 1), "btf: no header");
  damaged[0] ^= 1;
  check(!parse_btf(&btf, damaged, made.size), "btf: another kind of file");
}

void test_btf(void)
{
  test_types();
  test_damage();
}
