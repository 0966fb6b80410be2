/* Programs of a BPF object: loaded and attached, one by one. */
#ifndef KMEM_HELPER_OBJECT_LOAD_H
#define KMEM_HELPER_OBJECT_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "object.h"

/*
 * Fits the program to the running kernel and loads it, unless it is loaded.  `function`: the number in the kernel's BTF of the function that
 * an fexit program attaches to.  Returns the program's descriptor, which the object owns; -1 with errno: ENOENT if the
 * kernel has no such tracepoint, EINVAL or EACCES if it rejects the program, EPERM if we lack permission.
 */
int load_object_program(struct object *object, const char *section, uint32_t function);

/* The same; if the kernel rejects the program, `log` holds its reasons. */
int load_with_log(struct object *object, const char *section, uint32_t function, char *log, uint32_t size);

bool attach_object_program(struct object *object, const char *section);

/* Another instance of an attached fexit program, for another function.  False with errno. */
bool attach_also(struct object *object, const char *section, uint32_t function);

/* The descriptor that keeps it attached; -1: it is not. */
int program_link(const struct object *object, const char *section);

#endif
