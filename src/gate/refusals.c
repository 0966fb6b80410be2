/*
 * A part of gate.c: what the kernel itself refuses, where it is the kernel that enforces the limit.
 *
 * Under the kernel's own limit nobody asks us: a charge fails somewhere inside a call, and the call may return an
 * error, return another one, or get by without.  Four small programs in the kernel find out which, so that nothing is
 * lost however many calls fail, and a task that never meets the limit costs nothing but a look into an empty table:
 *
 *   charged   (exit of the charge function)   one of the group's tasks was refused: note it for the task
 *   entered   (sys_enter)                     nothing refused yet in this call
 *   returned  (sys_exit)                      an error, and a refusal since it was entered: a failure
 *   faulted   (page_fault_user)               what is refused now is a page fault's, which no call returns from
 *
 * A plain ENOENT is no failure, and neither is a refusal that the kernel gets over.  Failures are counted by (comm,
 * call, errno); the first go into a ring that has room for all of them.
 *
 * Livelock.  A page fault that needs a page table at the limit fails, returns to the same instruction and fails
 * again, for ever: seconds of refusals in page faults of one task, with no call and no granted charge between, while
 * its system time grows.  The rate says nothing: an honest retry loop fails faster.
 *
 * All of it hangs on our descriptors: the kernel takes it down when we die, or when "close" gives them up.
 */
enum {
  MAX_PROGRAMS = 4,
  MAX_REFUSED_TASKS = 16384,
  MAX_REFUSAL_COUNTS = 1024,
  REFUSAL_PATH = 256,
  REFUSAL_RING = 1 << 19, /* the first failures in full, were nobody to read them */
  LIVELOCK_LOOK_MS = 500,
  LIVELOCK_MS = 3000,
  LIVELOCK_LEAST = 100, /* refusals in that time */
};

enum total { CHARGES_REFUSED, CALLS_FAILED, CALLS_UNCOUNTED, TOTALS };

/* What the programs keep of a task that was refused. */
struct refused_task {
  uint64_t pending;                   /* refusals since the call was entered */
  uint64_t in_fault;                  /* it is not in a call but in a page fault of its own */
  uint64_t since_ns, last_ns, streak; /* refusals in page faults, with nothing granted between; since_ns 0: none */
  uint64_t calls;                     /* that it entered since it is in the table */
};

struct refusal_kind {
  char comm[16];
  uint32_t nr;
  uint32_t not_32_bit; /* 0: a 32-bit program's call */
  uint32_t error, unused;
};

struct refusal {
  uint64_t ns, task; /* task: tgid << 32 | tid */
  uint64_t calls;    /* of the task's, as it was */
  struct refusal_kind kind;
  uint64_t args[6];
  char path[REFUSAL_PATH];
};

static struct {
  bool attached;
  int program[MAX_PROGRAMS], program_count; /* a program is attached as long as its descriptor is open */
  int tasks, counts, totals, ring, cgroups, joiner, paths;
  int timer;
  uint64_t *consumer;
  const uint64_t *producer;
  const char *data;
  uint64_t told, charges_seen;
  bool livelock_told;
} kernel = {.timer = -1};

static int bpf(int command, union bpf_attr *attr)
{
  return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

static int make_map(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries)
{
  union bpf_attr attr = {.map_type = type, .key_size = key_size, .value_size = value_size, .max_entries = entries};
  return bpf(BPF_MAP_CREATE, &attr);
}

static int set_entry(int map, const void *key, const void *value)
{
  union bpf_attr attr = {
      .map_fd = (uint32_t)map, .key = (uintptr_t)key, .value = (uintptr_t)value, .flags = BPF_ANY};
  return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

static bool get_entry(int map, const void *key, void *value)
{
  union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)key, .value = (uintptr_t)value};
  return bpf(BPF_MAP_LOOKUP_ELEM, &attr) == 0;
}

/* The key after this one, in the map's own order; NULL: the first. */
static bool next_key(int map, const void *key, void *next)
{
  union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)key, .next_key = (uintptr_t)next};
  return bpf(BPF_MAP_GET_NEXT_KEY, &attr) == 0;
}

static uint64_t total_of(enum total which)
{
  uint64_t value = 0;
  uint32_t key = which;
  get_entry(kernel.totals, &key, &value);
  return value;
}

/*
 * Where struct pt_regs keeps what a call was asked for, and what tells a call of a 32-bit program.  A 64-bit program's
 * int 0x80 looks like a call of its own: it is given another call's name.
 */
#if defined __x86_64__
enum { REGS_SIZE = 168, REGS_NR = 120, REGS_MODE = 136, MODE_MASK = 0xffff, MODE_32_BIT = 0x23 };
static const int regs_args[6] = {112, 104, 96, 56, 72, 64}; /* di, si, dx, r10, r8, r9 */
#define THIS_ARCH AUDIT_ARCH_X86_64
#define THIS_ARCH_32 AUDIT_ARCH_I386
#elif defined __aarch64__
enum { REGS_SIZE = 288, REGS_NR = 280, REGS_MODE = 264, MODE_MASK = 0x10, MODE_32_BIT = 0x10 };
static const int regs_args[6] = {272, 8, 16, 24, 32, 40}; /* x0 as it was, x1 to x5 */
#define THIS_ARCH AUDIT_ARCH_AARCH64
#define THIS_ARCH_32 AUDIT_ARCH_ARM
#else
/* Not known: nothing is attached. */
enum { REGS_SIZE = 0, REGS_NR = 0, REGS_MODE = 0, MODE_MASK = 0, MODE_32_BIT = 0 };
static const int regs_args[6];
#define THIS_ARCH 0
#define THIS_ARCH_32 0
#endif

/* An assembler: instructions with labels, which must lie ahead. */
enum label { OUT, REFUSED, OURS, KNOWN, BEGINS, GOES_ON, MAYBE_BRK, COUNT, ADD, COUNTED, SUBMIT, LABELS };

static struct {
  struct bpf_insn code[256];
  int used, jump_count;
  struct {
    int at;
    enum label to;
  } jump[32];
  int label[LABELS];
} assembly;

static void op(unsigned code, int dst, int src, int off, int32_t imm)
{
  struct bpf_insn *i = &assembly.code[assembly.used++];
  *i = (struct bpf_insn){.code = (uint8_t)code, .off = (int16_t)off, .imm = imm};
  i->dst_reg = (unsigned)dst & 0xfu;
  i->src_reg = (unsigned)src & 0xfu;
}

static void copy(int dst, int src) { op(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0); }
static void put(int dst, int32_t imm) { op(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm); }
static void add(int dst, int32_t imm) { op(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm); }
static void load(unsigned size, int dst, int src, int off) { op(BPF_LDX | BPF_MEM | size, dst, src, off, 0); }
static void store(unsigned size, int dst, int off, int src) { op(BPF_STX | BPF_MEM | size, dst, src, off, 0); }
static void store_number(unsigned size, int dst, int off, int32_t n) { op(BPF_ST | BPF_MEM | size, dst, 0, off, n); }
static void call_kernel(int function) { op(BPF_JMP | BPF_CALL, 0, 0, 0, function); }

static void stack_address(int dst, int off)
{
  copy(dst, BPF_REG_10);
  add(dst, off);
}

static void map_address(int dst, int map)
{
  op(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, map);
  op(0, 0, 0, 0, 0);
}

static void leave_for(enum label to, unsigned code, int dst, int src, int32_t imm)
{
  assembly.jump[assembly.jump_count].at = assembly.used;
  assembly.jump[assembly.jump_count++].to = to;
  op(BPF_JMP | code, dst, src, 0, imm);
}

static void jump(enum label to) { leave_for(to, BPF_JA, 0, 0, 0); }
static void jump_if(unsigned test, int a, int32_t number, enum label to) { leave_for(to, test | BPF_K, a, 0, number); }
static void jump_if_register(unsigned test, int a, int b, enum label to) { leave_for(to, test | BPF_X, a, b, 0); }
static void here(enum label name) { assembly.label[name] = assembly.used; }

static void begin_program(void) { assembly.used = assembly.jump_count = 0; }

static void end_program(void)
{
  here(OUT);
  put(BPF_REG_0, 0);
  op(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  for (int i = 0; i < assembly.jump_count; i++)
    assembly.code[assembly.jump[i].at].off = (int16_t)(assembly.label[assembly.jump[i].to] - assembly.jump[i].at - 1);
}

/* R0 = the value under the key at this place of the stack, or 0. */
static void look_up(int map, int key)
{
  map_address(BPF_REG_1, map);
  stack_address(BPF_REG_2, key);
  call_kernel(BPF_FUNC_map_lookup_elem);
}

/* Adds 1 and leaves the sum in R1; gives up the program where there is no such total. */
static void add_to_total(enum total which, int scratch)
{
  store_number(BPF_W, BPF_REG_10, scratch, (int32_t)which);
  look_up(kernel.totals, scratch);
  jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  put(BPF_REG_1, 1);
  op(BPF_STX | BPF_XADD | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0);
  load(BPF_DW, BPF_REG_1, BPF_REG_0, 0);
}

/* Places on the stack. */
enum { TID_AT = -4, SCRATCH_AT = -16, CALLS_AT = -24, KIND_AT = -56, TASK_AT = -72, REGS_AT = -56 - REGS_SIZE };
#define FIELD(name) ((int)offsetof(struct refused_task, name))

/* R7 = tgid << 32 | tid, the tid on the stack, R0 = what is kept of the task. */
static void look_up_task(void)
{
  call_kernel(BPF_FUNC_get_current_pid_tgid);
  copy(BPF_REG_7, BPF_REG_0);
  store(BPF_W, BPF_REG_10, TID_AT, BPF_REG_7);
  look_up(kernel.tasks, TID_AT);
}

/* The context: the arguments of the charge function, and what it returned. */
static void write_charged(int arguments)
{
  begin_program();
  load(BPF_DW, BPF_REG_6, BPF_REG_1, arguments * 8);
  op(BPF_ALU | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_6, 0, 0); /* an int */
  look_up_task();
  jump_if(BPF_JNE, BPF_REG_6, 0, REFUSED);
  jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  store_number(BPF_DW, BPF_REG_0, FIELD(since_ns), 0);
  jump(OUT);
  here(REFUSED);
  copy(BPF_REG_6, BPF_REG_0);
  map_address(BPF_REG_1, kernel.cgroups);
  put(BPF_REG_2, 0);
  call_kernel(BPF_FUNC_current_task_under_cgroup);
  jump_if(BPF_JEQ, BPF_REG_0, 1, OURS);
  store_number(BPF_W, BPF_REG_10, SCRATCH_AT, 0); /* the joiner is in the memory hierarchy's group only */
  look_up(kernel.joiner, SCRATCH_AT);
  jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  load(BPF_W, BPF_REG_1, BPF_REG_0, 0);
  op(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_7, 0, 0, 32);
  jump_if_register(BPF_JNE, BPF_REG_1, BPF_REG_7, OUT);
  here(OURS);
  add_to_total(CHARGES_REFUSED, SCRATCH_AT);
  call_kernel(BPF_FUNC_ktime_get_ns);
  copy(BPF_REG_8, BPF_REG_0);
  jump_if(BPF_JNE, BPF_REG_6, 0, KNOWN);
  for (int field = 0; field < (int)sizeof(struct refused_task); field += 8)
    store_number(BPF_DW, BPF_REG_10, TASK_AT + field, field == FIELD(pending));
  map_address(BPF_REG_1, kernel.tasks);
  stack_address(BPF_REG_2, TID_AT);
  stack_address(BPF_REG_3, TASK_AT);
  put(BPF_REG_4, BPF_ANY);
  call_kernel(BPF_FUNC_map_update_elem);
  jump(OUT);
  here(KNOWN);
  load(BPF_DW, BPF_REG_1, BPF_REG_6, FIELD(pending));
  add(BPF_REG_1, 1);
  store(BPF_DW, BPF_REG_6, FIELD(pending), BPF_REG_1);
  load(BPF_DW, BPF_REG_1, BPF_REG_6, FIELD(in_fault));
  jump_if(BPF_JEQ, BPF_REG_1, 0, OUT);
  load(BPF_DW, BPF_REG_1, BPF_REG_6, FIELD(last_ns));
  store(BPF_DW, BPF_REG_6, FIELD(last_ns), BPF_REG_8);
  add(BPF_REG_1, 1000000000); /* a second without one: it does something else meanwhile */
  jump_if_register(BPF_JLT, BPF_REG_1, BPF_REG_8, BEGINS);
  load(BPF_DW, BPF_REG_1, BPF_REG_6, FIELD(since_ns));
  jump_if(BPF_JNE, BPF_REG_1, 0, GOES_ON);
  here(BEGINS);
  store(BPF_DW, BPF_REG_6, FIELD(since_ns), BPF_REG_8);
  store_number(BPF_DW, BPF_REG_6, FIELD(streak), 0);
  here(GOES_ON);
  load(BPF_DW, BPF_REG_1, BPF_REG_6, FIELD(streak));
  add(BPF_REG_1, 1);
  store(BPF_DW, BPF_REG_6, FIELD(streak), BPF_REG_1);
  end_program();
}

static void write_entered(void)
{
  begin_program();
  look_up_task();
  jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  store_number(BPF_DW, BPF_REG_0, FIELD(pending), 0);
  store_number(BPF_DW, BPF_REG_0, FIELD(in_fault), 0);
  store_number(BPF_DW, BPF_REG_0, FIELD(since_ns), 0);
  load(BPF_DW, BPF_REG_1, BPF_REG_0, FIELD(calls));
  add(BPF_REG_1, 1);
  store(BPF_DW, BPF_REG_0, FIELD(calls), BPF_REG_1);
  end_program();
}

static void write_faulted(void)
{
  begin_program();
  look_up_task();
  jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  store_number(BPF_DW, BPF_REG_0, FIELD(in_fault), 1);
  end_program();
}

/* The context: the registers at the call's entry, and what it returns. */
static void write_returned(void)
{
  begin_program();
  copy(BPF_REG_6, BPF_REG_1);
  look_up_task();
  jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  load(BPF_DW, BPF_REG_1, BPF_REG_0, FIELD(pending));
  store_number(BPF_DW, BPF_REG_0, FIELD(pending), 0);
  store_number(BPF_DW, BPF_REG_0, FIELD(since_ns), 0);
  jump_if(BPF_JEQ, BPF_REG_1, 0, OUT);
  load(BPF_DW, BPF_REG_1, BPF_REG_0, FIELD(calls));
  store(BPF_DW, BPF_REG_10, CALLS_AT, BPF_REG_1);
  load(BPF_DW, BPF_REG_8, BPF_REG_6, 8);
  load(BPF_DW, BPF_REG_9, BPF_REG_6, 0);
  stack_address(BPF_REG_1, REGS_AT);
  put(BPF_REG_2, REGS_SIZE);
  copy(BPF_REG_3, BPF_REG_9);
  call_kernel(BPF_FUNC_probe_read_kernel);
  jump_if(BPF_JNE, BPF_REG_0, 0, OUT);
  /* what kind of failure: comm, call, errno */
  stack_address(BPF_REG_1, KIND_AT);
  put(BPF_REG_2, 16);
  call_kernel(BPF_FUNC_get_current_comm);
  load(BPF_W, BPF_REG_3, BPF_REG_10, REGS_AT + REGS_NR);
  store(BPF_W, BPF_REG_10, KIND_AT + 16, BPF_REG_3);
  load(BPF_DW, BPF_REG_2, BPF_REG_10, REGS_AT + REGS_MODE);
  op(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, MODE_MASK);
  op(BPF_ALU64 | BPF_XOR | BPF_K, BPF_REG_2, 0, 0, MODE_32_BIT); /* 0: a 32-bit program's call */
  store(BPF_W, BPF_REG_10, KIND_AT + 20, BPF_REG_2);
  store_number(BPF_W, BPF_REG_10, KIND_AT + 28, 0);
  copy(BPF_REG_1, BPF_REG_8);
  op(BPF_ALU64 | BPF_NEG, BPF_REG_1, 0, 0, 0);
  jump_if(BPF_JSLT, BPF_REG_1, 1, MAYBE_BRK);
  jump_if(BPF_JSGT, BPF_REG_1, 133, OUT); /* the kernel's own: the call will be restarted */
  store(BPF_W, BPF_REG_10, KIND_AT + 24, BPF_REG_1);
  jump(COUNT);
  here(MAYBE_BRK); /* brk says no by the old break */
  jump_if(BPF_JEQ, BPF_REG_2, 0, OUT);
  jump_if(BPF_JNE, BPF_REG_3, SYS_brk, OUT);
  load(BPF_DW, BPF_REG_4, BPF_REG_10, REGS_AT + regs_args[0]);
  jump_if_register(BPF_JLE, BPF_REG_4, BPF_REG_8, OUT);
  store_number(BPF_W, BPF_REG_10, KIND_AT + 24, 0);
  here(COUNT);
  look_up(kernel.counts, KIND_AT);
  jump_if(BPF_JNE, BPF_REG_0, 0, ADD);
  store_number(BPF_DW, BPF_REG_10, SCRATCH_AT, 1);
  map_address(BPF_REG_1, kernel.counts);
  stack_address(BPF_REG_2, KIND_AT);
  stack_address(BPF_REG_3, SCRATCH_AT);
  put(BPF_REG_4, BPF_NOEXIST);
  call_kernel(BPF_FUNC_map_update_elem);
  jump_if(BPF_JEQ, BPF_REG_0, 0, COUNTED);
  look_up(kernel.counts, KIND_AT); /* another CPU was first, or the table is full */
  jump_if(BPF_JNE, BPF_REG_0, 0, ADD);
  add_to_total(CALLS_UNCOUNTED, SCRATCH_AT);
  jump(COUNTED);
  here(ADD);
  put(BPF_REG_1, 1);
  op(BPF_STX | BPF_XADD | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0);
  here(COUNTED);
  add_to_total(CALLS_FAILED, SCRATCH_AT);
  jump_if(BPF_JGT, BPF_REG_1, MAX_FAILURES_IN_FULL, OUT);
  /* the first ones in full */
  map_address(BPF_REG_1, kernel.ring);
  put(BPF_REG_2, sizeof(struct refusal));
  put(BPF_REG_3, 0);
  call_kernel(BPF_FUNC_ringbuf_reserve);
  jump_if(BPF_JEQ, BPF_REG_0, 0, OUT);
  copy(BPF_REG_6, BPF_REG_0);
  store(BPF_DW, BPF_REG_6, (int)offsetof(struct refusal, task), BPF_REG_7);
  load(BPF_DW, BPF_REG_1, BPF_REG_10, CALLS_AT);
  store(BPF_DW, BPF_REG_6, (int)offsetof(struct refusal, calls), BPF_REG_1);
  store_number(BPF_DW, BPF_REG_6, (int)offsetof(struct refusal, path), 0);
  for (int i = 0; i < (int)sizeof(struct refusal_kind); i += 8) {
    load(BPF_DW, BPF_REG_1, BPF_REG_10, KIND_AT + i);
    store(BPF_DW, BPF_REG_6, (int)offsetof(struct refusal, kind) + i, BPF_REG_1);
  }
  for (int i = 0; i < 6; i++) {
    load(BPF_DW, BPF_REG_1, BPF_REG_10, REGS_AT + regs_args[i]);
    store(BPF_DW, BPF_REG_6, (int)offsetof(struct refusal, args) + i * 8, BPF_REG_1);
  }
  call_kernel(BPF_FUNC_ktime_get_ns);
  store(BPF_DW, BPF_REG_6, 0, BPF_REG_0);
  load(BPF_W, BPF_REG_1, BPF_REG_10, KIND_AT + 20);
  jump_if(BPF_JEQ, BPF_REG_1, 0, SUBMIT);
  look_up(kernel.paths, KIND_AT + 16);
  jump_if(BPF_JEQ, BPF_REG_0, 0, SUBMIT);
  load(BPF_W, BPF_REG_3, BPF_REG_0, 0);
  jump_if(BPF_JEQ, BPF_REG_3, 0, SUBMIT);
  op(BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_3, BPF_REG_9, 0, 0);
  stack_address(BPF_REG_1, SCRATCH_AT);
  put(BPF_REG_2, 8);
  call_kernel(BPF_FUNC_probe_read_kernel);
  jump_if(BPF_JNE, BPF_REG_0, 0, SUBMIT);
  copy(BPF_REG_1, BPF_REG_6);
  add(BPF_REG_1, (int32_t)offsetof(struct refusal, path));
  put(BPF_REG_2, REFUSAL_PATH);
  load(BPF_DW, BPF_REG_3, BPF_REG_10, SCRATCH_AT);
  call_kernel(BPF_FUNC_probe_read_user_str);
  here(SUBMIT);
  copy(BPF_REG_1, BPF_REG_6);
  put(BPF_REG_2, 0);
  call_kernel(BPF_FUNC_ringbuf_submit);
  end_program();
}

/* Loads the program that was written last and attaches it: to a tracepoint by name, or to a function by its id. */
static bool attach_program(const char *tracepoint, uint32_t function)
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
    return false;
  union bpf_attr attach = {.raw_tracepoint = {.name = (uintptr_t)tracepoint, .prog_fd = (uint32_t)program_fd}};
  int link = bpf(BPF_RAW_TRACEPOINT_OPEN, &attach);
  int saved = errno;
  close(program_fd);
  errno = saved;
  if (link >= 0)
    kernel.program[kernel.program_count++] = link;
  return link >= 0;
}

/* What follows a type in the kernel's description of itself (linux/btf.h), in bytes. */
static size_t btf_extra(uint32_t info)
{
  size_t entries = BTF_INFO_VLEN(info);
  switch (BTF_INFO_KIND(info)) {
  case BTF_KIND_INT:
  case BTF_KIND_VAR:
  case 17: /* DECL_TAG */ return 4;
  case BTF_KIND_ARRAY:
  case BTF_KIND_STRUCT:
  case BTF_KIND_UNION:
  case BTF_KIND_DATASEC:
  case 19: /* ENUM64 */ return (BTF_INFO_KIND(info) == BTF_KIND_ARRAY ? 1 : entries) * 12;
  case BTF_KIND_ENUM:
  case BTF_KIND_FUNC_PROTO: return entries * 8;
  default: return 0;
  }
}

/* The function that charges kernel memory and can refuse, through the versions that enforce a limit. */
static const char *const charge_functions[] = {"__memcg_kmem_charge", "obj_cgroup_charge_pages"};

struct kernel_function {
  uint32_t id, prototype;
  int arguments;
};

static bool find_function(const char *btf, size_t size, const char *name, struct kernel_function *found)
{
  const struct btf_header *header = (const void *)btf;
  if (size < sizeof *header || header->magic != BTF_MAGIC)
    return false;
  const char *types = btf + header->hdr_len + header->type_off, *end = types + header->type_len;
  const char *strings = btf + header->hdr_len + header->str_off;
  *found = (struct kernel_function){0};
  /* A function is described after its prototype or before it: a second round finds the latter. */
  for (int round = 0; round < 2; round++) {
    uint32_t id = 1;
    const struct btf_type *t;
    for (const char *p = types; p + sizeof *t <= end; p += sizeof *t + btf_extra(t->info), id++) {
      t = (const void *)p;
      if (round == 0 && BTF_INFO_KIND(t->info) == BTF_KIND_FUNC && !strcmp(strings + t->name_off, name))
        *found = (struct kernel_function){.id = id, .prototype = t->type, .arguments = -1};
      else if (round == 1 && id == found->prototype)
        found->arguments = (int)BTF_INFO_VLEN(t->info);
    }
  }
  return found->arguments > 0;
}

static bool find_charge_function(struct kernel_function *found)
{
  int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) < 0)
    return false;
  size_t size = (size_t)status.st_size, used = 0;
  char *btf = must(malloc(size + 1));
  for (ssize_t n; used < size && (n = read(fd, btf + used, size - used)) > 0;)
    used += (size_t)n;
  close(fd);
  btf[used] = '\0';
  bool there = false;
  for (unsigned i = 0; !there && i < sizeof charge_functions / sizeof *charge_functions; i++)
    there = find_function(btf, used, charge_functions[i], found);
  free(btf);
  errno = ENOENT;
  return there;
}

/* Which argument of which call is a path: where its register is kept. */
static void fill_paths(void)
{
  for (int i = 0; i < config.call_count; i++) {
    const struct call *c = &config.call[i];
    if (c->arch != THIS_ARCH || strncmp(c->detail, "path", 4) != 0)
      continue;
    uint32_t at = (uint32_t)regs_args[c->detail[4] - '0'];
    set_entry(kernel.paths, &c->nr, &at);
  }
}

static bool make_maps(void)
{
  uint32_t first = 0;
  int directory = open(config.attribute, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return false;
  bool made =
      (kernel.tasks = make_map(BPF_MAP_TYPE_LRU_HASH, 4, sizeof(struct refused_task), MAX_REFUSED_TASKS)) >= 0 &&
      (kernel.counts = make_map(BPF_MAP_TYPE_HASH, sizeof(struct refusal_kind), 8, MAX_REFUSAL_COUNTS)) >= 0 &&
      (kernel.totals = make_map(BPF_MAP_TYPE_ARRAY, 4, 8, TOTALS)) >= 0 &&
      (kernel.ring = make_map(BPF_MAP_TYPE_RINGBUF, 0, 0, REFUSAL_RING)) >= 0 &&
      (kernel.joiner = make_map(BPF_MAP_TYPE_ARRAY, 4, 4, 1)) >= 0 &&
      (kernel.paths = make_map(BPF_MAP_TYPE_ARRAY, 4, 4, 512)) >= 0 &&
      (kernel.cgroups = make_map(BPF_MAP_TYPE_CGROUP_ARRAY, 4, 4, 1)) >= 0 &&
      set_entry(kernel.cgroups, &first, &directory) == 0;
  int saved = errno;
  close(directory);
  errno = saved;
  return made;
}

static bool map_ring(void)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, kernel.ring, 0);
  void *producer = mmap(NULL, page + 2 * REFUSAL_RING, PROT_READ, MAP_SHARED, kernel.ring, (off_t)page);
  if (consumer == MAP_FAILED || producer == MAP_FAILED)
    return false;
  kernel.consumer = consumer;
  kernel.producer = producer;
  kernel.data = (const char *)producer + page;
  return true;
}

static bool attach_programs(void)
{
  struct kernel_function charge;
  if (!find_charge_function(&charge))
    return false;
  write_entered();
  if (!attach_program("sys_enter", 0))
    return false;
  write_returned();
  if (!attach_program("sys_exit", 0))
    return false;
  write_faulted();
  if (!attach_program("page_fault_user", 0))
    return false;
  write_charged(charge.arguments);
  return attach_program(NULL, charge.id);
}

/* Before 5.11 maps count as locked memory; what we may lock is no business of the command's. */
static bool attach_to_kernel(void)
{
  struct rlimit locked, unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  if (REGS_SIZE == 0) {
    errno = ENOSYS;
    return false;
  }
  getrlimit(RLIMIT_MEMLOCK, &locked);
  setrlimit(RLIMIT_MEMLOCK, &unlimited);
  bool attached = make_maps() && map_ring() && attach_programs();
  int saved = errno;
  setrlimit(RLIMIT_MEMLOCK, &locked);
  errno = saved;
  return attached;
}

static const struct call *call_of(const struct refusal_kind *kind)
{
  if (kind->not_32_bit == 0)
    return find_call(THIS_ARCH_32, kind->nr);
  return find_call(THIS_ARCH, kind->nr & ~0x40000000u); /* x32's calls have x86-64's numbers and this bit */
}

static const char *name_of(const struct refusal_kind *kind, char *text, size_t size)
{
  const struct call *c = call_of(kind);
  if (c != NULL)
    return c->name;
  snprintf(text, size, "%s%u", kind->not_32_bit ? "call_" : "call_32_", kind->nr);
  return text;
}

/* Its descriptors are still those of the refused call. */
static bool is_still_there(const struct refusal *r)
{
  uint32_t tid = (uint32_t)r->task;
  struct refused_task task;
  return get_entry(kernel.tasks, &tid, &task) && task.calls == r->calls;
}

/* The program may have gone on by now: what would be read from its memory is not told. */
static const char *describe_refusal(const struct refusal *r, char *text, size_t size)
{
  const struct call *c = call_of(&r->kind);
  if (c == NULL || r->kind.not_32_bit == 0)
    return NULL;
  if (!strncmp(c->detail, "path", 4))
    return r->path[0] ? r->path : NULL;
  bool file = !strcmp(c->detail, "mmap") && !(r->args[3] & MAP_ANONYMOUS);
  bool by_arguments = !strncmp(c->detail, "size", 4) || !strncmp(c->detail, "fd", 2) || !strcmp(c->detail, "socket") ||
                      !strcmp(c->detail, "mmap") || !strcmp(c->name, "clone") || !strcmp(c->name, "vfork");
  if (!by_arguments)
    return NULL;
  struct seccomp_notif n = {.pid = (uint32_t)r->task};
  memcpy(n.data.args, r->args, sizeof r->args);
  const char *about = describe(c, &n, text, size);
  return file && !is_still_there(r) ? NULL : about;
}

static void tell_refusal(const struct refusal *r)
{
  char name[32], detail[PATH_MAX], exe[PATH_MAX];
  pid_t tid = (pid_t)(uint32_t)r->task;
  if (start_ns == 0) /* of the first step's own fork: the run's clock begins here */
    start_ns = r->ns;
  event("failure");
  field_number("atNs", (int64_t)(r->ns - start_ns));
  field_number("pid", (int64_t)(r->task >> 32));
  field_number("tid", tid);
  field_string("comm", r->kind.comm);
  field_string("exe", executable(tid, exe, sizeof exe));
  field_string("syscall", name_of(&r->kind, name, sizeof name));
  field_string("detail", describe_refusal(r, detail, sizeof detail));
  field_string("address", NULL);
  field_figure("usage", -1);
  field_number("errno", r->kind.error);
  field_figure("step", booked_on(step_by_parents((pid_t)(r->task >> 32))));
  if (event_end(QUEUE_SOFT))
    kernel.told++;
}

static void read_refusals(void)
{
  if (closed || !kernel.attached)
    return;
  uint64_t at = *kernel.consumer;
  while (at < __atomic_load_n(kernel.producer, __ATOMIC_ACQUIRE)) {
    const char *record = kernel.data + (at & (REFUSAL_RING - 1));
    uint32_t length = __atomic_load_n((const uint32_t *)(const void *)record, __ATOMIC_ACQUIRE);
    if (length & BPF_RINGBUF_BUSY_BIT)
      return;
    if (!(length & BPF_RINGBUF_DISCARD_BIT))
      tell_refusal((const void *)(record + BPF_RINGBUF_HDR_SZ));
    at += ((length & ~(uint32_t)BPF_RINGBUF_DISCARD_BIT) + BPF_RINGBUF_HDR_SZ + 7) & ~7ull;
    __atomic_store_n(kernel.consumer, at, __ATOMIC_RELEASE);
  }
}

static uint64_t system_ticks(pid_t tid)
{
  char path[40], text[2048];
  snprintf(path, sizeof path, "/proc/%d/stat", tid);
  return read_file(path, text, sizeof text) > 0 ? stat_field(text, 15) : 0;
}

static void tell_livelock(pid_t tid, const struct refused_task *task)
{
  const char *comm = comm_of(tid, now_ns());
  kernel.livelock_told = true;
  event("livelock");
  field_figure("pid", thread_group(tid));
  field_number("tid", tid);
  field_string("comm", comm);
  field_number("refusals", (int64_t)task->streak);
  field_number("forNs", (int64_t)(task->last_ns - task->since_ns));
  send_event();
}

static bool is_stuck(const struct refused_task *task, uint64_t now)
{
  return task->since_ns != 0 && task->in_fault && task->streak >= LIVELOCK_LEAST &&
         task->last_ns - task->since_ns >= LIVELOCK_MS * 1000000ull && now < task->last_ns + 1000000000u;
}

/* It takes two looks: the first finds a suspect, a later one that its system time has grown and nothing else. */
static void look_for_livelock(void)
{
  static struct {
    uint32_t tid;
    uint64_t since_ns, ticks;
  } suspect;
  uint64_t expirations, refused = total_of(CHARGES_REFUSED), now = now_ns();
  while (read(kernel.timer, &expirations, sizeof expirations) > 0)
    ;
  if (closed || refused == kernel.charges_seen || kernel.livelock_told)
    return;
  kernel.charges_seen = refused;
  uint32_t tid = 0, found = 0;
  struct refused_task task, first = {0};
  bool more = next_key(kernel.tasks, NULL, &tid);
  /* Where entries come and go meanwhile, the walk may begin again: it has an end. */
  for (int i = 0; more && i < MAX_REFUSED_TASKS; i++, more = next_key(kernel.tasks, &tid, &tid)) {
    if (!get_entry(kernel.tasks, &tid, &task) || !is_stuck(&task, now))
      continue;
    if (tid == suspect.tid && task.since_ns == suspect.since_ns) {
      if (system_ticks((pid_t)tid) > suspect.ticks)
        tell_livelock((pid_t)tid, &task);
      return;
    }
    if (found == 0) {
      found = tid;
      first = task;
    }
  }
  suspect.tid = found;
  suspect.since_ns = first.since_ns;
  suspect.ticks = found == 0 ? 0 : system_ticks((pid_t)found);
}

static void send_refusal_counts(void)
{
  struct refusal_kind kind;
  uint64_t count;
  char name[32];
  for (bool more = next_key(kernel.counts, NULL, &kind); more; more = next_key(kernel.counts, &kind, &kind)) {
    if (!get_entry(kernel.counts, &kind, &count))
      continue;
    event("count");
    field_string("comm", kind.comm);
    field_string("syscall", name_of(&kind, name, sizeof name));
    field_number("errno", kind.error);
    field_number("count", (int64_t)count);
    event_end(QUEUE_HARD);
  }
}

/* The joiner allocates for the group before it is in the unified hierarchy's. */
static void note_joiner(void)
{
  uint32_t first = 0, pid = (uint32_t)step.joiner;
  if (kernel.attached)
    set_entry(kernel.joiner, &first, &pid);
}

/* Where it cannot be done the run goes on: what fails is only counted then, and the runner is told so. */
static void watch_kernel(void)
{
  errno = 0;
  kernel.attached = config.attribute && attach_to_kernel();
  if (!kernel.attached) {
    event("unattributed");
    field_number("errno", errno);
    send_event();
    return;
  }
  fill_paths();
  const struct timespec often = {0, LIVELOCK_LOOK_MS * 1000000L};
  const struct itimerspec every = {often, often};
  kernel.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  timerfd_settime(kernel.timer, 0, &every, NULL);
  watch(kernel.timer, TAG_LIVELOCK);
  watch(kernel.ring, TAG_REFUSALS);
}

/* The kernel's totals and counts stay as they are from here on. */
static void stop_watching_kernel(void)
{
  if (!kernel.attached)
    return;
  while (kernel.program_count > 0)
    close(kernel.program[--kernel.program_count]);
  read_refusals();
  unwatch(kernel.ring); /* it stays mapped */
  unwatch(kernel.timer);
  kernel.timer = -1;
}
