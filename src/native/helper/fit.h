/*
 * Fits the programs of BPF objects to the running kernel: their attach targets, and the offsets of the fields that they
 * read.
 */
#ifndef KMEM_HELPER_FIT_H
#define KMEM_HELPER_FIT_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "btf.h"

struct btf_object {
  const char *name;  /* of the object: programs of two may have the same section */
  const char *image; /* ELF */
  struct btf types;
};

/* Ends the helper. */
_Noreturn void bad_object(const char *what);

/* "sys_exit" of "KIND/sys_exit"; NULL if it is of another kind. */
const char *tracepoint_of(const char *section, const char *kind);

/* Names of kernel types that a program needs.  All names noted before the first fit are found in one pass. */
void note_names(const struct btf_object *object, const char *section);

/*
 * `function` gets the number of a tp_btf program's tracepoint.  False with errno: ENOENT if the kernel has no such
 * tracepoint, or the error of kernel_btf().
 */
bool fit_to_kernel(const struct btf_object *object, const char *section, struct bpf_insn *code, uint32_t length,
                   uint32_t *function);

/*
 * Finding all this takes milliseconds, and the result is valid until the next boot: one word per fitted program, for a
 * later helper to remember.  NULL after the last.
 */
const char *fitted_word(int index);
void remember_fitted(const char *word);

#endif
