/* Names of the kernel's functions, by a BPF program (src/native/bpf/name.bpf.c). */
#ifndef KMEM_HELPER_SYMBOLS_H
#define KMEM_HELPER_SYMBOLS_H

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>

#include "object.h"

/* Without it, or if the kernel rejects it, names are unknown. */
void prepare_names(struct object *object);

/*
 * The functions at these addresses, separated by spaces; 0 ends the list.  NULL if they are unknown.  Names that do not
 * fit are left out.
 */
const char *name_functions(struct object *object, const __u64 *at, int count, char *text, size_t size);

#endif
