/* bpf(2): maps, and an assembler for small programs: instructions with labels, which must lie ahead. */
#ifndef KMEM_HELPER_BPF_H
#define KMEM_HELPER_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

enum label { OUT, REFUSED, OURS, KNOWN, BEGINS, GOES_ON, MAYBE_BRK, COUNT, ADD, COUNTED, SUBMIT, LABELS };

int make_map(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries);
int set_entry(int map, const void *key, const void *value);
bool get_entry(int map, const void *key, void *value);

/* The key after this one, in the map's own order; NULL: the first. */
bool next_key(int map, const void *key, void *next);

void asm_op(unsigned code, int dst, int src, int off, int32_t imm);
void asm_copy(int dst, int src);
void asm_put(int dst, int32_t imm);
void asm_add(int dst, int32_t imm);
void asm_load(unsigned size, int dst, int src, int off);
void asm_store(unsigned size, int dst, int off, int src);
void asm_store_number(unsigned size, int dst, int off, int32_t n);
void asm_call(int function);
void asm_stack_address(int dst, int off);
void asm_map_address(int dst, int map);
void asm_jump(enum label to);
void asm_jump_if(unsigned test, int a, int32_t number, enum label to);
void asm_jump_if_register(unsigned test, int a, int b, enum label to);
void asm_label(enum label name);
void asm_begin(void);
void asm_end(void);
int attach_program(const char *tracepoint, uint32_t function);

#endif
