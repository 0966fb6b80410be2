/* bpf(2): maps, programs, links. */
#ifndef KMEM_HELPER_BPF_H
#define KMEM_HELPER_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct program_text {
  const char *name; /* shown by other tools (bpftool prog show): up to 15 letters, digits and _ */
  enum bpf_prog_type type;
  enum bpf_attach_type attach_type;
  uint32_t function; /* the attach target's number in the kernel's BTF, or 0 */
  const struct bpf_insn *code;
  uint32_t length; /* instructions */
  char *log;       /* NULL: the verifier's reasons are not asked for */
  uint32_t log_size;
};

/* Each of these returns a descriptor, or -1 with errno. */
int make_map(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries, uint32_t flags);
int load_program(const struct program_text *text);
int attach_program(int program, const char *tracepoint); /* tracepoint NULL: the one it was loaded for */

/* Runs a program that is started only by this call (BPF_PROG_TYPE_SYSCALL).  False if it returns anything but 0, too. */
bool run_program(int program);

/* The number of events a program missed because it was already running; 0 if the kernel does not report it. */
uint64_t missed_by(int program);

/* From here on nobody can write to the map: its contents are known when programs are verified. */
bool freeze_map(int map);

bool set_entry(int map, const void *key, const void *value);
bool get_entry(int map, const void *key, void *value);

bool delete_entry(int map, const void *key);

/* The key after this one in the map's own order; NULL: returns the first. */
bool next_key(int map, const void *key, void *next);

#endif
