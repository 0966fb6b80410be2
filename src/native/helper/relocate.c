#include "relocate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_ENUM64 = 19, MAX_STEPS_OF_ACCESS = 16, MAX_NESTING = 8 };

/* enum bpf_core_relo_kind: the values that clang emits for the macros of bpf_core_read.h that the programs use. */
enum place_kind { FIELD_OFFSET = 0, FIELD_EXISTS = 2, TYPE_EXISTS = 8, ENUMERATOR_EXISTS = 10, ENUMERATOR_VALUE = 11 };

/* How libbpf replaces an instruction whose field is missing: a call of a function that will never exist. */
enum { INVALID_FUNCTION = 195896080 };

/* A step from a type towards a field: into an array, or to a named member. */
struct step_of_access {
  const char *member; /* NULL: an index */
  uint32_t index;
};

static unsigned kind_of(const struct btf_type *t)
{
  return BTF_INFO_KIND(t->info);
}

static bool is_record(const struct btf_type *t)
{
  return kind_of(t) == BTF_KIND_STRUCT || kind_of(t) == BTF_KIND_UNION;
}

static bool is_enumeration(const struct btf_type *t)
{
  return kind_of(t) == BTF_KIND_ENUM || kind_of(t) == KIND_ENUM64;
}

struct btf_name kernel_name(const struct btf *local, const struct core_place *place)
{
  struct btf_name name = {0};
  const struct btf_type *t = btf_type(local, btf_plain(local, place->type));
  if (t == NULL)
    return name;
  name.kinds = is_enumeration(t) ? 1u << BTF_KIND_ENUM : (uint16_t)(1u << kind_of(t));
  snprintf(name.name, sizeof name.name, "%s", btf_string(local, t->name_off));
  char *version = strstr(name.name, "___");
  if (version)
    *version = '\0';
  return name;
}

/* Reads "0:2:1" against the program's own types.  Returns the number of steps, or -1. */
static int read_access(const struct btf *local, uint32_t id, const char *access, struct step_of_access *steps)
{
  int count = 0;
  for (bool first = true; *access; first = false) {
    char *end;
    uint32_t index = (uint32_t)strtoul(access, &end, 10);
    const struct btf_type *t = btf_type(local, id = btf_plain(local, id));
    if (end == access || t == NULL || count == MAX_STEPS_OF_ACCESS)
      return -1;
    access = *end == ':' ? end + 1 : end;
    if (first) {
      steps[count++] = (struct step_of_access){.index = index};
    } else if (is_record(t) && index < BTF_INFO_VLEN(t->info)) {
      const struct btf_member *member = (const struct btf_member *)(t + 1) + index;
      if (*btf_string(local, member->name_off))
        steps[count++] = (struct step_of_access){.member = btf_string(local, member->name_off)};
      id = member->type;
    } else if (kind_of(t) == BTF_KIND_ARRAY) {
      steps[count++] = (struct step_of_access){.index = index};
      id = ((const struct btf_array *)(t + 1))->type;
    } else {
      return -1;
    }
  }
  return count;
}

/* Searches the record and unnamed ones inside it.  Adds to `bits`. */
static uint32_t find_member(const struct btf *kernel, uint32_t id, const char *name, uint64_t *bits, int depth)
{
  const struct btf_type *t = btf_type(kernel, btf_plain(kernel, id));
  if (t == NULL || !is_record(t) || depth == MAX_NESTING)
    return 0;
  const struct btf_member *member = (const void *)(t + 1);
  bool has_bitfields = BTF_INFO_KFLAG(t->info);
  for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++, member++) {
    const char *own = btf_string(kernel, member->name_off);
    uint64_t at = has_bitfields ? BTF_MEMBER_BIT_OFFSET(member->offset) : member->offset;
    uint64_t inside = 0;
    uint32_t found = 0;
    if (!strcmp(own, name))
      found = has_bitfields && BTF_MEMBER_BITFIELD_SIZE(member->offset) ? 0 : member->type;
    else if (*own == '\0')
      found = find_member(kernel, member->type, name, &inside, depth + 1);
    if (found != 0) {
      *bits += at + inside;
      return found;
    }
  }
  return 0;
}

/* The field's offset in the kernel's type, in bytes, or -1. */
static int64_t find_field(const struct btf *local, const struct core_place *place, const struct btf *kernel,
                          uint32_t target)
{
  struct step_of_access steps[MAX_STEPS_OF_ACCESS];
  int count = read_access(local, place->type, btf_string(local, place->access), steps);
  uint32_t id = target;
  uint64_t bits = 0;
  for (int i = 0; i < count; i++) {
    if (steps[i].member) {
      id = find_member(kernel, id, steps[i].member, &bits, 0);
    } else if (i > 0) {
      const struct btf_type *t = btf_type(kernel, btf_plain(kernel, id));
      if (t == NULL || kind_of(t) != BTF_KIND_ARRAY)
        return -1;
      id = ((const struct btf_array *)(t + 1))->type;
    }
    if (id == 0)
      return -1;
    if (!steps[i].member)
      bits += steps[i].index * btf_size(kernel, id) * 8;
  }
  return count <= 0 || bits % 8 != 0 ? -1 : (int64_t)(bits / 8);
}

static const struct btf_enum *enumerator_at(const struct btf_type *t, uint32_t index)
{
  return kind_of(t) == BTF_KIND_ENUM && index < BTF_INFO_VLEN(t->info) ? (const struct btf_enum *)(t + 1) + index
                                                                       : NULL;
}

static bool find_enumerator(const struct btf *local, const struct core_place *place, const struct btf *kernel,
                            uint32_t target, uint64_t *value)
{
  const struct btf_type *own = btf_type(local, btf_plain(local, place->type)), *t = btf_type(kernel, target);
  uint32_t index = (uint32_t)strtoul(btf_string(local, place->access), NULL, 10);
  const struct btf_enum *wanted = own ? enumerator_at(own, index) : NULL;
  if (wanted == NULL || t == NULL)
    return false;
  const char *name = btf_string(local, wanted->name_off);
  for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++) {
    const struct btf_enum *e = enumerator_at(t, i);
    if (e == NULL || strcmp(btf_string(kernel, e->name_off), name))
      continue;
    *value = (uint32_t)e->val;
    return true;
  }
  return false;
}

static void put_value(struct bpf_insn *code, uint64_t value)
{
  switch (BPF_CLASS(code->code)) {
  case BPF_LD: /* a 64-bit number: two instructions */
    code[1].imm = (int32_t)(value >> 32);
    code->imm = (int32_t)value;
    break;
  case BPF_ALU:
  case BPF_ALU64: code->imm = (int32_t)value; break;
  default: code->off = (int16_t)value;
  }
}

static void make_invalid(struct bpf_insn *code)
{
  int instructions = code->code == (BPF_LD | BPF_DW | BPF_IMM) ? 2 : 1;
  for (int i = 0; i < instructions; i++)
    code[i] = (struct bpf_insn){.code = BPF_JMP | BPF_CALL, .imm = INVALID_FUNCTION};
}

bool resolve_place(const struct btf *local, const struct core_place *place, const struct btf *kernel, uint32_t target,
                   struct core_value *found)
{
  int64_t offset = target && place->kind <= FIELD_EXISTS ? find_field(local, place, kernel, target) : -1;
  *found = (struct core_value){.is_there = true};
  switch (place->kind) {
  case FIELD_OFFSET:
    found->is_there = offset >= 0 && offset <= INT16_MAX;
    found->value = found->is_there ? (uint64_t)offset : 0;
    return true;
  case FIELD_EXISTS: found->value = offset >= 0; return true;
  case TYPE_EXISTS: found->value = target != 0; return true;
  case ENUMERATOR_EXISTS: found->value = find_enumerator(local, place, kernel, target, &(uint64_t){0}); return true;
  case ENUMERATOR_VALUE: found->is_there = find_enumerator(local, place, kernel, target, &found->value); return true;
  default: return false;
  }
}

bool put_place(struct bpf_insn *code, size_t length, const struct core_place *place, const struct core_value *found)
{
  size_t at = place->at / sizeof *code;
  if (place->at % sizeof *code != 0 || at >= length ||
      (code[at].code == (BPF_LD | BPF_DW | BPF_IMM) && at + 1 >= length))
    return false;
  if (found->is_there)
    put_value(&code[at], found->value);
  else
    make_invalid(&code[at]);
  return true;
}
