/*
 * CO-RE: puts into a program what the running kernel has of the types that it reads: where a field is, whether there is
 * one, what an enumerator is worth.  An object lists these places in .BTF.ext (linux/bpf.h, struct bpf_core_relo).
 *
 * What is not there makes the instruction invalid: the kernel refuses the program only if it can come to it, so a look at
 * another version's field is guarded by bpf_core_field_exists.
 */
#ifndef KMEM_HELPER_RELOCATE_H
#define KMEM_HELPER_RELOCATE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "btf.h"

/* One place: linux/bpf.h has it from 5.17 on only. */
struct core_place {
  uint32_t at; /* of the instruction in its section, in bytes */
  uint32_t type;
  uint32_t access; /* a string: the way from the type to the field, by indices */
  uint32_t kind;
};

/* The name that the place's type has in the kernel, and the kinds that it may be of; `id` stays 0. */
struct btf_name kernel_name(const struct btf *local, const struct core_place *place);

/* What the kernel has at such a place. */
struct core_value {
  bool is_there;
  uint64_t value;
};

/* `target`: the kernel's type of that name, or 0.  False: it is a kind of place that this does not know. */
bool resolve_place(const struct btf *local, const struct core_place *place, const struct btf *kernel, uint32_t target,
                   struct core_value *found);

/* Puts it into the code, of `length` instructions.  False: the place is outside. */
bool put_place(struct bpf_insn *code, size_t length, const struct core_place *place, const struct core_value *found);

#endif
