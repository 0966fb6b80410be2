/*
 * CO-RE: adapts a program to the running kernel's versions of the types that it reads: a field's offset, whether the
 * field exists, an enumerator's value.  An object lists these places in .BTF.ext (linux/bpf.h, struct bpf_core_relo).
 *
 * A missing field makes the instruction invalid: the kernel rejects the program only if that is reachable, so access to
 * another version's field is guarded by bpf_core_field_exists.
 */
#ifndef KMEM_HELPER_RELOCATE_H
#define KMEM_HELPER_RELOCATE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "btf.h"

/* One place: linux/bpf.h has it only since 5.17. */
struct core_place {
  uint32_t at; /* offset of the instruction in its section, in bytes */
  uint32_t type;
  uint32_t access; /* a string: the path from the type to the field, as indices */
  uint32_t kind;
};

/* The kernel's name for the place's type, and the accepted kinds; `id` stays 0. */
struct btf_name kernel_name(const struct btf *local, const struct core_place *place);

/* The kernel's value for such a place. */
struct core_value {
  bool is_there;
  uint64_t value;
};

/* `target`: the kernel's type of that name, or 0.  False if this kind of place is not supported. */
bool resolve_place(const struct btf *local, const struct core_place *place, const struct btf *kernel, uint32_t target,
                   struct core_value *found);

/* Writes it into the code, of `length` instructions.  False if the place is outside. */
bool put_place(struct bpf_insn *code, size_t length, const struct core_place *place, const struct core_value *found);

#endif
