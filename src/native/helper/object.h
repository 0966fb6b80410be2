/*
 * A BPF object as clang and bpftool make it (ELF): its maps, its programs, and the variables that both sides share.  The
 * programs in src/native/bpf are part of the helper; this loads them without a library.
 *
 * A program is named by its section, which says what it attaches to: tp_btf/TRACEPOINT, raw_tp/TRACEPOINT, fexit, syscall.
 * All of it goes with the descriptors: nothing stays attached when they are closed, or when their holders have died.
 */
#ifndef KMEM_HELPER_OBJECT_H
#define KMEM_HELPER_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fit.h"

enum { MAX_MAPS = 8, MAX_PROGRAMS = 12 };

struct object_map {
  const char *name; /* of a map, or the section of variables */
  int fd;
  char *data; /* of variables: shared with the programs; of constants: as they will be */
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

/* Reads it and makes its maps.  False with errno; what was made is closed. */
bool open_object(struct object *object, const char *image, size_t size);

/* Its programs are detached; maps stay. */
void detach_programs(struct object *object);

/* Closes programs and maps; variables can still be read. */
void close_object(struct object *object);

/* Each ends the helper if there is no such thing: the name is a mistake of ours. */
int object_map(const struct object *object, const char *name);
/* Constants (.rodata) may be written until the first program is loaded. */
void *object_variable(const struct object *object, const char *name);

/*
 * Fits it to the running kernel and loads it.  `function`: what an fexit program attaches to, by its number in the kernel's
 * BTF.  Returns the program's descriptor, which the object owns; -1 with errno: ENOENT if the kernel has no such
 * tracepoint, EINVAL or EACCES if it refuses the program, EPERM if it refuses us.
 */
int load_object_program(struct object *object, const char *section, uint32_t function);

/* The same; if the kernel refuses it, its reasons are in `log`. */
int load_with_log(struct object *object, const char *section, uint32_t function, char *log, uint32_t size);

bool attach_object_program(struct object *object, const char *section);

/* Events that its programs missed (recursion_misses). */
uint64_t object_misses(const struct object *object);

#endif
