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

/* An object in the helper's file. */
struct image {
  const char *name, *start, *end;
};

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
  uint64_t missed_before; /* it was borrowed: events that its programs missed for others */
};

/*
 * Parses it and creates the maps of its variables; any other is created when it is asked for, or a program that uses it
 * is loaded.  False with errno, the created maps closed.
 */
bool open_object(struct object *object, const struct image *image);

/*
 * Instead of opening it: takes the maps and programs of an object that another process has open, as described there by
 * describe_loan().  Variables have their first values again, and tables are empty.  False with errno, nothing taken.
 */
bool borrow_object(struct object *object, const struct image *image, const char *loan);
void describe_loan(const struct object *object, char *text, size_t size);

/* Detaches its programs; maps stay. */
void detach_programs(struct object *object);

/* Closes programs and maps; variables can still be read. */
void close_object(struct object *object);

/* By its name, or by the section of its variables; NULL: unknown. */
struct object_map *find_map(struct object *object, const char *name);

/* Creates it if it does not exist yet.  False with errno. */
bool is_map_made(struct object_map *map);

/* Each aborts the helper if the name is unknown: that is a bug in the helper. */
/* Returns its descriptor; -1 with errno if it cannot be created. */
int object_map(struct object *object, const char *name);
/* Instead of creating it; it keeps a descriptor of its own.  False with errno: EEXIST if it was created or borrowed. */
bool share_map(struct object *object, const char *name, int map);
/* Constants (.rodata) may be written until the first program is loaded. */
void *object_variable(const struct object *object, const char *name);

/* Events that its programs missed (recursion_misses). */
uint64_t object_misses(const struct object *object);

#endif
