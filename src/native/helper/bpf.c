#include "bpf.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr *attr)
{
  return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

int make_map(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries)
{
  union bpf_attr attr = {.map_type = type, .key_size = key_size, .value_size = value_size, .max_entries = entries};
  return bpf(BPF_MAP_CREATE, &attr);
}

int set_entry(int map, const void *key, const void *value)
{
  union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)key, .value = (uintptr_t)value, .flags = BPF_ANY};
  return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

bool get_entry(int map, const void *key, void *value)
{
  union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)key, .value = (uintptr_t)value};
  return bpf(BPF_MAP_LOOKUP_ELEM, &attr) == 0;
}

bool next_key(int map, const void *key, void *next)
{
  union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)key, .next_key = (uintptr_t)next};
  return bpf(BPF_MAP_GET_NEXT_KEY, &attr) == 0;
}

static struct {
  struct bpf_insn code[256];
  int used, jump_count;
  struct {
    int at;
    enum label to;
  } jump[32];
  int label[LABELS];
} assembly;

void asm_op(unsigned code, int dst, int src, int off, int32_t imm)
{
  struct bpf_insn *i = &assembly.code[assembly.used++];
  *i = (struct bpf_insn){.code = (uint8_t)code, .off = (int16_t)off, .imm = imm};
  i->dst_reg = (unsigned)dst & 0xfu;
  i->src_reg = (unsigned)src & 0xfu;
}

void asm_copy(int dst, int src)
{
  asm_op(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}
void asm_put(int dst, int32_t imm)
{
  asm_op(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}
void asm_add(int dst, int32_t imm)
{
  asm_op(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm);
}
void asm_load(unsigned size, int dst, int src, int off)
{
  asm_op(BPF_LDX | BPF_MEM | size, dst, src, off, 0);
}
void asm_store(unsigned size, int dst, int off, int src)
{
  asm_op(BPF_STX | BPF_MEM | size, dst, src, off, 0);
}
void asm_store_number(unsigned size, int dst, int off, int32_t n)
{
  asm_op(BPF_ST | BPF_MEM | size, dst, 0, off, n);
}
void asm_call(int function)
{
  asm_op(BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

void asm_stack_address(int dst, int off)
{
  asm_copy(dst, BPF_REG_10);
  asm_add(dst, off);
}

void asm_map_address(int dst, int map)
{
  asm_op(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, map);
  asm_op(0, 0, 0, 0, 0);
}

static void asm_leave_for(enum label to, unsigned code, int dst, int src, int32_t imm)
{
  assembly.jump[assembly.jump_count].at = assembly.used;
  assembly.jump[assembly.jump_count++].to = to;
  asm_op(BPF_JMP | code, dst, src, 0, imm);
}

void asm_jump(enum label to)
{
  asm_leave_for(to, BPF_JA, 0, 0, 0);
}
void asm_jump_if(unsigned test, int a, int32_t number, enum label to)
{
  asm_leave_for(to, test | BPF_K, a, 0, number);
}
void asm_jump_if_register(unsigned test, int a, int b, enum label to)
{
  asm_leave_for(to, test | BPF_X, a, b, 0);
}
void asm_label(enum label name)
{
  assembly.label[name] = assembly.used;
}
void asm_begin(void)
{
  assembly.used = assembly.jump_count = 0;
}

void asm_end(void)
{
  asm_label(OUT);
  asm_put(BPF_REG_0, 0);
  asm_op(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  for (int i = 0; i < assembly.jump_count; i++)
    assembly.code[assembly.jump[i].at].off = (int16_t)(assembly.label[assembly.jump[i].to] - assembly.jump[i].at - 1);
}

/*
 * Loads the program that was written last and attaches it: to a tracepoint by name, or to a function by its id.  It is
 * attached as long as the descriptor is open that this returns; -1, with errno: it is not.
 */
int attach_program(const char *tracepoint, uint32_t function)
{
  union bpf_attr load_attr = {
      .prog_type = tracepoint ? BPF_PROG_TYPE_RAW_TRACEPOINT : BPF_PROG_TYPE_TRACING,
      .insns = (uintptr_t)assembly.code,
      .insn_cnt = (uint32_t)assembly.used,
      .license = (uintptr_t) "Dual MIT/GPL",
  };
  if (tracepoint == NULL) {
    load_attr.expected_attach_type = BPF_TRACE_FEXIT;
    load_attr.attach_btf_id = function;
  }
  int program_fd = bpf(BPF_PROG_LOAD, &load_attr);
  if (program_fd < 0)
    return -1;
  union bpf_attr attach = {.raw_tracepoint = {.name = (uintptr_t)tracepoint, .prog_fd = (uint32_t)program_fd}};
  int link = bpf(BPF_RAW_TRACEPOINT_OPEN, &attach);
  int saved = errno;
  close(program_fd);
  errno = saved;
  return link;
}
