#include "probes.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf.h"
#include "btf.h"
#include "failures.h"
#include "maps.h"
#include "policy.h"

enum { MAX_PROGRAMS = 4 };

static int programs[MAX_PROGRAMS], program_count;

/*
 * Where struct pt_regs keeps what a call was asked for, and what tells a call of a 32-bit program.  A 64-bit program's
 * int 0x80 looks like a call of its own: it is given another call's name.
 */
#if defined __x86_64__
enum { REGS_SIZE = 168, REGS_NR = 120, REGS_MODE = 136, MODE_MASK = 0xffff, MODE_32_BIT = 0x23 };
static const int regs_args[6] = {112, 104, 96, 56, 72, 64}; /* di, si, dx, r10, r8, r9 */
#elif defined __aarch64__
enum { REGS_SIZE = 288, REGS_NR = 280, REGS_MODE = 264, MODE_MASK = 0x10, MODE_32_BIT = 0x10 };
static const int regs_args[6] = {272, 8, 16, 24, 32, 40}; /* x0 as it was, x1 to x5 */
#else
enum { REGS_SIZE = 0, REGS_NR = 0, REGS_MODE = 0, MODE_MASK = 0, MODE_32_BIT = 0 };
static const int regs_args[6];
#endif

/* R0 = the value under the key at this place of the stack, or 0. */
static void asm_look_up(int map, int key)
{
  asm_map_address(BPF_REG_1, map);
  asm_stack_address(BPF_REG_2, key);
  asm_call(BPF_FUNC_map_lookup_elem);
}

/* Adds 1 and leaves the sum in R1; gives up the program where there is no such total. */
static void add_to_total(enum total which, int scratch)
{
  asm_store_number(BPF_W, BPF_REG_10, scratch, (int32_t)which);
  asm_look_up(bpf_maps.totals, scratch);
  asm_jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  asm_put(BPF_REG_1, 1);
  asm_op(BPF_STX | BPF_XADD | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0);
  asm_load(BPF_DW, BPF_REG_1, BPF_REG_0, 0);
}

/* Places on the stack. */
enum { TID_AT = -4, SCRATCH_AT = -16, CALLS_AT = -24, KIND_AT = -56, TASK_AT = -72, REGS_AT = -56 - REGS_SIZE };

#define FIELD(name) ((int)offsetof(struct refused_task, name))

/* R7 = tgid << 32 | tid, the tid on the stack, R0 = what is kept of the task. */
static void look_up_task(void)
{
  asm_call(BPF_FUNC_get_current_pid_tgid);
  asm_copy(BPF_REG_7, BPF_REG_0);
  asm_store(BPF_W, BPF_REG_10, TID_AT, BPF_REG_7);
  asm_look_up(bpf_maps.tasks, TID_AT);
}

/* The context: the arguments of the charge function, and what it returned. */
static void write_charged(int arguments)
{
  asm_begin();
  asm_load(BPF_DW, BPF_REG_6, BPF_REG_1, arguments * 8);
  asm_op(BPF_ALU | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_6, 0, 0); /* an int */
  look_up_task();
  asm_jump_if(BPF_JNE, BPF_REG_6, 0, REFUSED);
  asm_jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  asm_store_number(BPF_DW, BPF_REG_0, FIELD(since_ns), 0);
  asm_jump(OUT);
  asm_label(REFUSED);
  asm_copy(BPF_REG_6, BPF_REG_0);
  asm_map_address(BPF_REG_1, bpf_maps.cgroups);
  asm_put(BPF_REG_2, 0);
  asm_call(BPF_FUNC_current_task_under_cgroup);
  asm_jump_if(BPF_JEQ, BPF_REG_0, 1, OURS);
  asm_store_number(BPF_W, BPF_REG_10, SCRATCH_AT, 0); /* the joiner is in the memory hierarchy's group only */
  asm_look_up(bpf_maps.joiner, SCRATCH_AT);
  asm_jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  asm_load(BPF_W, BPF_REG_1, BPF_REG_0, 0);
  asm_op(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_7, 0, 0, 32);
  asm_jump_if_register(BPF_JNE, BPF_REG_1, BPF_REG_7, OUT);
  asm_label(OURS);
  add_to_total(CHARGES_REFUSED, SCRATCH_AT);
  asm_call(BPF_FUNC_ktime_get_ns);
  asm_copy(BPF_REG_8, BPF_REG_0);
  asm_jump_if(BPF_JNE, BPF_REG_6, 0, KNOWN);
  for (int field = 0; field < (int)sizeof(struct refused_task); field += 8)
    asm_store_number(BPF_DW, BPF_REG_10, TASK_AT + field, field == FIELD(pending));
  asm_map_address(BPF_REG_1, bpf_maps.tasks);
  asm_stack_address(BPF_REG_2, TID_AT);
  asm_stack_address(BPF_REG_3, TASK_AT);
  asm_put(BPF_REG_4, BPF_ANY);
  asm_call(BPF_FUNC_map_update_elem);
  asm_jump(OUT);
  asm_label(KNOWN);
  asm_load(BPF_DW, BPF_REG_1, BPF_REG_6, FIELD(pending));
  asm_add(BPF_REG_1, 1);
  asm_store(BPF_DW, BPF_REG_6, FIELD(pending), BPF_REG_1);
  asm_load(BPF_DW, BPF_REG_1, BPF_REG_6, FIELD(in_fault));
  asm_jump_if(BPF_JEQ, BPF_REG_1, 0, OUT);
  asm_load(BPF_DW, BPF_REG_1, BPF_REG_6, FIELD(last_ns));
  asm_store(BPF_DW, BPF_REG_6, FIELD(last_ns), BPF_REG_8);
  asm_add(BPF_REG_1, 1000000000); /* a second without one: it does something else meanwhile */
  asm_jump_if_register(BPF_JLT, BPF_REG_1, BPF_REG_8, BEGINS);
  asm_load(BPF_DW, BPF_REG_1, BPF_REG_6, FIELD(since_ns));
  asm_jump_if(BPF_JNE, BPF_REG_1, 0, GOES_ON);
  asm_label(BEGINS);
  asm_store(BPF_DW, BPF_REG_6, FIELD(since_ns), BPF_REG_8);
  asm_store_number(BPF_DW, BPF_REG_6, FIELD(streak), 0);
  asm_label(GOES_ON);
  asm_load(BPF_DW, BPF_REG_1, BPF_REG_6, FIELD(streak));
  asm_add(BPF_REG_1, 1);
  asm_store(BPF_DW, BPF_REG_6, FIELD(streak), BPF_REG_1);
  asm_end();
}

static void write_entered(void)
{
  asm_begin();
  look_up_task();
  asm_jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  asm_store_number(BPF_DW, BPF_REG_0, FIELD(pending), 0);
  asm_store_number(BPF_DW, BPF_REG_0, FIELD(in_fault), 0);
  asm_store_number(BPF_DW, BPF_REG_0, FIELD(since_ns), 0);
  asm_load(BPF_DW, BPF_REG_1, BPF_REG_0, FIELD(calls));
  asm_add(BPF_REG_1, 1);
  asm_store(BPF_DW, BPF_REG_0, FIELD(calls), BPF_REG_1);
  asm_end();
}

static void write_faulted(void)
{
  asm_begin();
  look_up_task();
  asm_jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  asm_store_number(BPF_DW, BPF_REG_0, FIELD(in_fault), 1);
  asm_end();
}

/* The context: the registers at the call's entry, and what it returns. */
static void write_returned(void)
{
  asm_begin();
  asm_copy(BPF_REG_6, BPF_REG_1);
  look_up_task();
  asm_jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  asm_load(BPF_DW, BPF_REG_1, BPF_REG_0, FIELD(pending));
  asm_store_number(BPF_DW, BPF_REG_0, FIELD(pending), 0);
  asm_store_number(BPF_DW, BPF_REG_0, FIELD(since_ns), 0);
  asm_jump_if(BPF_JEQ, BPF_REG_1, 0, OUT);
  asm_load(BPF_DW, BPF_REG_1, BPF_REG_0, FIELD(calls));
  asm_store(BPF_DW, BPF_REG_10, CALLS_AT, BPF_REG_1);
  asm_load(BPF_DW, BPF_REG_8, BPF_REG_6, 8);
  asm_load(BPF_DW, BPF_REG_9, BPF_REG_6, 0);
  asm_stack_address(BPF_REG_1, REGS_AT);
  asm_put(BPF_REG_2, REGS_SIZE);
  asm_copy(BPF_REG_3, BPF_REG_9);
  asm_call(BPF_FUNC_probe_read_kernel);
  asm_jump_if(BPF_JNE, BPF_REG_0, 0, OUT);
  /* what kind of failure: comm, call, errno */
  asm_stack_address(BPF_REG_1, KIND_AT);
  asm_put(BPF_REG_2, 16);
  asm_call(BPF_FUNC_get_current_comm);
  asm_load(BPF_W, BPF_REG_3, BPF_REG_10, REGS_AT + REGS_NR);
  asm_store(BPF_W, BPF_REG_10, KIND_AT + 16, BPF_REG_3);
  asm_load(BPF_DW, BPF_REG_2, BPF_REG_10, REGS_AT + REGS_MODE);
  asm_op(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, MODE_MASK);
  asm_op(BPF_ALU64 | BPF_XOR | BPF_K, BPF_REG_2, 0, 0, MODE_32_BIT); /* 0: a 32-bit program's call */
  asm_store(BPF_W, BPF_REG_10, KIND_AT + 20, BPF_REG_2);
  asm_store_number(BPF_W, BPF_REG_10, KIND_AT + 28, 0);
  asm_copy(BPF_REG_1, BPF_REG_8);
  asm_op(BPF_ALU64 | BPF_NEG, BPF_REG_1, 0, 0, 0);
  asm_jump_if(BPF_JSLT, BPF_REG_1, 1, MAYBE_BRK);
  asm_jump_if(BPF_JSGT, BPF_REG_1, 133, OUT); /* the kernel's own: the call will be restarted */
  asm_store(BPF_W, BPF_REG_10, KIND_AT + 24, BPF_REG_1);
  asm_jump(COUNT);
  asm_label(MAYBE_BRK); /* brk says no by the old break */
  asm_jump_if(BPF_JEQ, BPF_REG_2, 0, OUT);
  asm_jump_if(BPF_JNE, BPF_REG_3, SYS_brk, OUT);
  asm_load(BPF_DW, BPF_REG_4, BPF_REG_10, REGS_AT + regs_args[0]);
  asm_jump_if_register(BPF_JLE, BPF_REG_4, BPF_REG_8, OUT);
  asm_store_number(BPF_W, BPF_REG_10, KIND_AT + 24, 0);
  asm_label(COUNT);
  asm_look_up(bpf_maps.counts, KIND_AT);
  asm_jump_if(BPF_JNE, BPF_REG_0, 0, ADD);
  asm_store_number(BPF_DW, BPF_REG_10, SCRATCH_AT, 1);
  asm_map_address(BPF_REG_1, bpf_maps.counts);
  asm_stack_address(BPF_REG_2, KIND_AT);
  asm_stack_address(BPF_REG_3, SCRATCH_AT);
  asm_put(BPF_REG_4, BPF_NOEXIST);
  asm_call(BPF_FUNC_map_update_elem);
  asm_jump_if(BPF_JEQ, BPF_REG_0, 0, COUNTED);
  asm_look_up(bpf_maps.counts, KIND_AT); /* another CPU was first, or the table is full */
  asm_jump_if(BPF_JNE, BPF_REG_0, 0, ADD);
  add_to_total(CALLS_UNCOUNTED, SCRATCH_AT);
  asm_jump(COUNTED);
  asm_label(ADD);
  asm_put(BPF_REG_1, 1);
  asm_op(BPF_STX | BPF_XADD | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0);
  asm_label(COUNTED);
  add_to_total(CALLS_FAILED, SCRATCH_AT);
  asm_jump_if(BPF_JGT, BPF_REG_1, MAX_FAILURES_IN_FULL, OUT);
  /* the first ones in full */
  asm_map_address(BPF_REG_1, bpf_maps.ring);
  asm_put(BPF_REG_2, sizeof(struct refusal));
  asm_put(BPF_REG_3, 0);
  asm_call(BPF_FUNC_ringbuf_reserve);
  asm_jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  asm_copy(BPF_REG_6, BPF_REG_0);
  asm_store(BPF_DW, BPF_REG_6, (int)offsetof(struct refusal, task), BPF_REG_7);
  asm_load(BPF_DW, BPF_REG_1, BPF_REG_10, CALLS_AT);
  asm_store(BPF_DW, BPF_REG_6, (int)offsetof(struct refusal, calls), BPF_REG_1);
  asm_store_number(BPF_DW, BPF_REG_6, (int)offsetof(struct refusal, path), 0);
  for (int i = 0; i < (int)sizeof(struct refusal_kind); i += 8) {
    asm_load(BPF_DW, BPF_REG_1, BPF_REG_10, KIND_AT + i);
    asm_store(BPF_DW, BPF_REG_6, (int)offsetof(struct refusal, kind) + i, BPF_REG_1);
  }
  for (int i = 0; i < 6; i++) {
    asm_load(BPF_DW, BPF_REG_1, BPF_REG_10, REGS_AT + regs_args[i]);
    asm_store(BPF_DW, BPF_REG_6, (int)offsetof(struct refusal, args) + i * 8, BPF_REG_1);
  }
  asm_call(BPF_FUNC_ktime_get_ns);
  asm_store(BPF_DW, BPF_REG_6, 0, BPF_REG_0);
  asm_load(BPF_W, BPF_REG_1, BPF_REG_10, KIND_AT + 20);
  asm_jump_if(BPF_JEQ, BPF_REG_1, 0, SUBMIT);
  asm_look_up(bpf_maps.paths, KIND_AT + 16);
  asm_jump_if(BPF_JEQ, BPF_REG_0, 0, SUBMIT);
  asm_load(BPF_W, BPF_REG_3, BPF_REG_0, 0);
  asm_jump_if(BPF_JEQ, BPF_REG_3, 0, SUBMIT);
  asm_op(BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_3, BPF_REG_9, 0, 0);
  asm_stack_address(BPF_REG_1, SCRATCH_AT);
  asm_put(BPF_REG_2, 8);
  asm_call(BPF_FUNC_probe_read_kernel);
  asm_jump_if(BPF_JNE, BPF_REG_0, 0, SUBMIT);
  asm_copy(BPF_REG_1, BPF_REG_6);
  asm_add(BPF_REG_1, (int32_t)offsetof(struct refusal, path));
  asm_put(BPF_REG_2, REFUSAL_PATH);
  asm_load(BPF_DW, BPF_REG_3, BPF_REG_10, SCRATCH_AT);
  asm_call(BPF_FUNC_probe_read_user_str);
  asm_label(SUBMIT);
  asm_copy(BPF_REG_1, BPF_REG_6);
  asm_put(BPF_REG_2, 0);
  asm_call(BPF_FUNC_ringbuf_submit);
  asm_end();
}

/* Which argument of which call is a path: where its register is kept. */
static void fill_paths(void)
{
  for (int i = 0; i < policy.count; i++) {
    const struct call *c = &policy.call[i];
    if (c->arch != THIS_ARCH || (c->detail != DETAIL_PATH && c->detail != DETAIL_PATH_AT))
      continue;
    uint32_t at = (uint32_t)regs_args[c->detail_arg];
    set_entry(bpf_maps.paths, &c->nr, &at);
  }
}

static bool attach(const char *tracepoint, uint32_t function)
{
  int program = attach_program(tracepoint, function);
  if (program >= 0)
    programs[program_count++] = program;
  return program >= 0;
}

static bool attach_programs(void)
{
  struct kernel_function charge;
  if (!find_charge_function(&charge))
    return false;
  write_entered();
  if (!attach("sys_enter", 0))
    return false;
  write_returned();
  if (!attach("sys_exit", 0))
    return false;
  write_faulted();
  if (!attach("page_fault_user", 0))
    return false;
  write_charged(charge.arguments);
  return attach(NULL, charge.id);
}

bool attach_to_kernel(const char *cgroup)
{
  struct rlimit locked, unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  if (REGS_SIZE == 0) {
    errno = ENOSYS;
    return false;
  }
  getrlimit(RLIMIT_MEMLOCK, &locked);
  setrlimit(RLIMIT_MEMLOCK, &unlimited);
  bool attached = make_maps(cgroup) && map_ring() && attach_programs();
  int saved = errno;
  setrlimit(RLIMIT_MEMLOCK, &locked);
  errno = saved;
  if (attached)
    fill_paths();
  return attached;
}

void detach_from_kernel(void)
{
  while (program_count > 0)
    close(programs[--program_count]);
}
