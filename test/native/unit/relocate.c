/* CO-RE: maps a program's own types to the kernel's. */
#include "../../../src/native/helper/relocate.h"

#include <string.h>

#include "kernel-types.h"
#include "tap.h"

enum { FIELD_OFFSET = 0, FIELD_SIZE = 1, FIELD_EXISTS = 2, TYPE_EXISTS = 8, VALUE_EXISTS = 10, VALUE = 11 };
enum { INVALID = 195896080, LOAD = BPF_LDX | BPF_MEM | BPF_DW, MOVE = BPF_ALU64 | BPF_MOV | BPF_K };

static struct made_btf local, kernel;
static uint32_t task, gone, flags, versioned, kernel_task, kernel_flags;

/*
 * Here: struct task { int pid; struct inner { int a, b; } inner; int list[4]; int absent; }.
 * There: struct task { long first; union { struct { int before; int pid; }; }; struct inner inner; int list[4]; }.
 */
static void make_types(void)
{
  static const struct made_enumerator mine[] = {{"ONE", 1}, {"TWO", 2}, {"LOST", 3}};
  static const struct made_enumerator theirs[] = {{"ZERO", 0}, {"TWO", 20}, {"ONE", 10}};
  start_types(&local);
  uint32_t number = add_int(&local, "int", 4);
  const struct made_member inner_members[] = {{"a", number, 0}, {"b", number, 32}};
  uint32_t inner = add_record(&local, "inner", 8, inner_members, 2), list = add_array(&local, number, 4);
  const struct made_member members[] = {
      {"pid", number, 0}, {"inner", inner, 32}, {"list", list, 96}, {"absent", number, 224}};
  task = add_record(&local, "task", 32, members, 4);
  gone = add_record(&local, "gone", 8, inner_members, 2);
  flags = add_enumeration(&local, "flags", mine, 3);
  versioned = add_record(&local, "task___old", 32, members, 4);
  check(finish_types(&local), "relocate: the program's types");

  start_types(&kernel);
  number = add_int(&kernel, "int", 4);
  uint32_t wide = add_int(&kernel, "long", 8);
  const struct made_member moved[] = {{"b", number, 0}, {"a", number, 64}};
  inner = add_record(&kernel, "inner", 12, moved, 2);
  list = add_array(&kernel, add_reference(&kernel, BTF_KIND_CONST, "", number), 4);
  const struct made_member nameless[] = {{"before", number, 0}, {"pid", number, 32}};
  uint32_t deepest = add_record(&kernel, "", 8, nameless, 2);
  const struct made_member one[] = {{"", deepest, 64}};
  uint32_t wrapper = add_record(&kernel, "", 16, one, 1);
  const struct made_member all[] = {{"first", wide, 0}, {"", wrapper, 64}, {"inner", inner, 192}, {"list", list, 288}};
  kernel_task = add_record(&kernel, "task", 52, all, 4);
  kernel_flags = add_enumeration(&kernel, "flags", theirs, 3);
  check(finish_types(&kernel), "relocate: the kernel's types");
}

/* As in fit.c. */
static bool relocate(struct bpf_insn *code, size_t length, const struct btf *own, const struct core_place *place,
                     uint32_t target)
{
  struct core_value value;
  return resolve_place(own, place, &kernel.btf, target, &value) && put_place(code, length, place, &value);
}

static struct bpf_insn fit(uint8_t code, uint32_t type, const char *access, uint32_t kind, uint32_t target)
{
  struct bpf_insn program[2] = {{.code = code, .off = 99, .imm = 99}, {.code = 0}};
  static char text[32];
  strcpy(text, access);
  /* The access is one of the program's strings: here at the end of its strings. */
  struct btf with = local.btf;
  char strings[sizeof local.strings + sizeof text];
  memcpy(strings, local.btf.strings, local.btf.strings_size);
  strcpy(strings + local.btf.strings_size, text);
  with.strings = strings;
  with.strings_size += (uint32_t)strlen(text) + 1;
  struct core_place place = {.type = type, .access = local.btf.strings_size, .kind = kind};
  check(relocate(program, 2, &with, &place, target), "relocate: a place that is known");
  return program[0];
}

static bool is_invalid(struct bpf_insn code)
{
  return code.code == (BPF_JMP | BPF_CALL) && code.imm == INVALID;
}

static void test_fields(void)
{
  check_number(fit(LOAD, task, "0:1", FIELD_OFFSET, kernel_task).off, 24, "relocate: a field that has moved");
  check_number(fit(LOAD, task, "0:0", FIELD_OFFSET, kernel_task).off, 20, "relocate: a field in nameless structures");
  check_number(fit(LOAD, task, "0:1:0", FIELD_OFFSET, kernel_task).off, 32, "relocate: a field of a field");
  check_number(fit(LOAD, task, "0:2:3", FIELD_OFFSET, kernel_task).off, 48, "relocate: an element of an array");
  check_number(fit(LOAD, task, "1:0", FIELD_OFFSET, kernel_task).off, 72, "relocate: a field of the next structure");
  check_number(fit(MOVE, task, "0:1", FIELD_OFFSET, kernel_task).imm, 24, "relocate: an offset as a number");
  check(is_invalid(fit(LOAD, task, "0:3", FIELD_OFFSET, kernel_task)), "relocate: a field that is not there");
  check(is_invalid(fit(LOAD, gone, "0:0", FIELD_OFFSET, 0)), "relocate: a field of a type that is not there");
  check_number(fit(MOVE, task, "0:0", FIELD_EXISTS, kernel_task).imm, 1, "relocate: it exists");
  check_number(fit(MOVE, task, "0:3", FIELD_EXISTS, kernel_task).imm, 0, "relocate: it does not exist");
  check_number(fit(MOVE, gone, "0:0", FIELD_EXISTS, 0).imm, 0, "relocate: nor does it without its type");
  check_number(fit(MOVE, task, "0", TYPE_EXISTS, kernel_task).imm, 1, "relocate: a type that exists");
  check_number(fit(MOVE, gone, "0", TYPE_EXISTS, 0).imm, 0, "relocate: a type that does not exist");
}

static void test_enumerators(void)
{
  check_number(fit(MOVE, flags, "0", VALUE, kernel_flags).imm, 10, "relocate: the kernel's value of an enumerator");
  check_number(fit(MOVE, flags, "1", VALUE, kernel_flags).imm, 20, "relocate: in whatever order");
  check(is_invalid(fit(MOVE, flags, "2", VALUE, kernel_flags)), "relocate: an enumerator that is not there");
  check_number(fit(MOVE, flags, "1", VALUE_EXISTS, kernel_flags).imm, 1, "relocate: an enumerator that exists");
  check_number(fit(MOVE, flags, "2", VALUE_EXISTS, kernel_flags).imm, 0, "relocate: one that does not exist");
  check_number(fit(MOVE, flags, "0", VALUE_EXISTS, 0).imm, 0, "relocate: nor does it without its type");
}

/* For a 64-bit number, in two instructions. */
static void test_wide_numbers(void)
{
  struct bpf_insn program[2] = {{.code = BPF_LD | BPF_DW | BPF_IMM, .imm = 9}, {.imm = 9}};
  struct core_place place = {.type = task, .access = 0, .kind = TYPE_EXISTS};
  check(relocate(program, 2, &local.btf, &place, kernel_task) && program[0].imm == 1 && program[1].imm == 0,
        "relocate: a number of 64 bits");
  place.kind = FIELD_OFFSET;
  check(relocate(program, 2, &local.btf, &place, 0) && is_invalid(program[0]) && is_invalid(program[1]),
        "relocate: both of its instructions are made invalid");
}

static void test_names(void)
{
  struct core_place place = {.type = versioned};
  struct btf_name name = kernel_name(&local.btf, &place);
  check_text(name.name, "task", "relocate: another version of a type has its name");
  check_number(name.kinds, 1u << BTF_KIND_STRUCT, "relocate: and its kind");
  place.type = 1000;
  check_text(kernel_name(&local.btf, &place).name, "", "relocate: a type that there is not has no name");
}

static void test_nonsense(void)
{
  struct bpf_insn program[1] = {{.code = MOVE}}, wide[1] = {{.code = BPF_LD | BPF_DW | BPF_IMM}};
  struct core_place beyond = {.at = 8, .type = task, .kind = TYPE_EXISTS}, between = {.at = 4, .kind = TYPE_EXISTS},
                    unknown = {.type = task, .kind = FIELD_SIZE}, first = {.type = task, .kind = TYPE_EXISTS};
  check(!relocate(program, 1, &local.btf, &beyond, 1), "relocate: beyond the code is refused");
  check(!relocate(program, 1, &local.btf, &between, 1), "relocate: between instructions is refused");
  check(!relocate(program, 1, &local.btf, &unknown, 1), "relocate: another kind of place is refused");
  check(!relocate(wide, 1, &local.btf, &first, 1), "relocate: half of a number is refused");
  check(is_invalid(fit(LOAD, task, "0:9", FIELD_OFFSET, kernel_task)), "relocate: no such member");
  check(is_invalid(fit(LOAD, task, "0:x", FIELD_OFFSET, kernel_task)), "relocate: no number");
  check(is_invalid(fit(LOAD, task, "", FIELD_OFFSET, kernel_task)), "relocate: no access at all");
  check(is_invalid(fit(LOAD, flags, "0:0", FIELD_OFFSET, kernel_flags)), "relocate: an enumeration has no fields");
}

void test_relocate(void)
{
  make_types();
  test_fields();
  test_enumerators();
  test_wide_numbers();
  test_names();
  test_nonsense();
  forget_types(&local);
  forget_types(&kernel);
}
