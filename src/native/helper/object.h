/*
 * A BPF object as produced by clang and bpftool (ELF): its maps, its programs, and the variables that both sides
 * share.  The programs in src/native/bpf are part of the helper; this loads them without a library.
 *
 * A program is named after its section, which gives its attach target: tp_btf/TRACEPOINT, raw_tp/TRACEPOINT,
 * fmod_ret/FUNCTION, fexit, syscall.  All of it depends on the descriptors: nothing stays attached when they are closed, or when their holders
 * have died.
 */
#ifndef KMEM_HELPER_OBJECT_H
#define KMEM_HELPER_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fit.h"

enum { MAX_MAPS = 8, MAX_PROGRAMS = 20 };

struct object_map {
  const char *name; /* of a map, or the variables' section */
  int fd;           /* -1: no program has needed it yet */
  uint32_t type, key_size, value_size, entries;
  char *data; /* variables: shared with the programs; constants: their future values */
  uint32_t size;
  bool constant, frozen;
};

struct object_program {
  const char *section;
  int fd, link; /* -1: not loaded, not attached */
};

struct object {
  struct btf_object object;
  struct object_map map[MAX_MAPS];
  struct object_program program[MAX_PROGRAMS];
  int map_count, program_count;
};

/*
 * Parses it and creates the maps of its variables; any other is created when it is asked for, or a program that uses it
 * is loaded.  False with errno, the created maps closed.
 */
bool open_object(struct object *object, const char *image, size_t size);

/* Detaches its programs; maps stay. */
void detach_programs(struct object *object);

/* Closes programs and maps; variables can still be read. */
void close_object(struct object *object);

/* Each aborts the helper if the name is unknown: that is a bug in the helper. */
/* Returns its descriptor; -1 with errno if it cannot be created. */
int object_map(struct object *object, const char *name);
/* Instead of creating it, before it is used; it keeps a descriptor of its own.  False with errno. */
bool share_map(struct object *object, const char *name, int map);
/* Constants (.rodata) may be written until the first program is loaded. */
void *object_variable(const struct object *object, const char *name);

/*
 * Fits the program to the running kernel and loads it.  `function`: the number in the kernel's BTF of the function that
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

/* Events that its programs missed (recursion_misses). */
uint64_t object_misses(const struct object *object);

#endif
