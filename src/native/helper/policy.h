/*
 * The policy: which calls are gated, and what is known about each.  It is data from the runner; names are never
 * compared.
 */
#ifndef KMEM_HELPER_POLICY_H
#define KMEM_HELPER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum { MAX_CALLS = 1024, MAX_VALUES = 16, CALL_INDEX = 4096, MOST_PER_UNIT = 1 << 20 };

enum action { GATE, REFUSE, WATCH, KNOWN }; /* KNOWN: not gated, but reported if it fails */

/* A call's effects beyond allocating, if they matter: src/gate/kinds.ts, CallRole. */
enum role {
  ROLE_NONE,
  ROLE_BRK,
  ROLE_EXEC,
  ROLE_THREAD_EXIT,
  ROLE_PROCESS_EXIT,
  ROLE_VFORK,
  ROLE_CLONE,  /* flags in the first argument */
  ROLE_CLONE3, /* flags at the start of the first argument's target */
  ROLE_OPEN,   /* flags in the argument after the path */
  ROLE_OPEN2,  /* flags at the start of that argument's target */
  ROLE_CREAT,
  ROLE_CONNECT,
  ROLE_FILTER,
  ROLE_TRACE,
  ROLE_SOCKETCALL,
};

/* How a call is described; `detail_arg` is the argument to show. */
enum detail {
  DETAIL_NONE,
  DETAIL_PATH,    /* relative to the working directory */
  DETAIL_PATH_AT, /* relative to the directory in the argument before it */
  DETAIL_SIZE,
  DETAIL_FD,
  DETAIL_MMAP,
  DETAIL_CLONE,
  DETAIL_SOCKET,
  DETAIL_ADDRESS,
};

/* SPLIT, FDTABLE, IPC, ON_TMPFS: the call allocates only in that case; TMPFS: the errno differs there. */
enum check { CHECK_NONE, CHECK_SPLIT, CHECK_FDTABLE, CHECK_IPC, CHECK_TMPFS, CHECK_ON_TMPFS };

/* How much a call charges beyond its need: sizes.c. */
enum size {
  SIZE_NONE,
  SIZE_ARGUMENT, /* `size_arg` * `factor` / `divisor` */
  SIZE_POWER,    /* the same, rounded up to a power of two */
  SIZE_FILTER,   /* the instructions of the sock_fprog that the argument points to */
  SIZE_XATTR,    /* the size in the xattr_args that it points to */
  SIZE_BPF_MAP,
  SIZE_MAPPING, /* page tables: of a mapping that is populated at once, */
  SIZE_MOVE,    /* of one that is moved, */
  SIZE_RANGE,   /* of the range in the first two arguments, */
  SIZE_ALL,     /* of all mappings */
};

struct call {
  uint32_t arch, nr;
  enum action action;
  enum role role;
  enum detail detail;
  enum check check;
  int detail_arg;
  int error;
  int tcp_error;             /* errno for a TCP socket instead, or 0 */
  int64_t need, need_thread; /* minimum bytes that the call charges; for clone of a thread */
  enum size size;
  int size_arg;
  uint32_t factor, divisor;
  bool interruptible; /* may fail with EINTR for other reasons */
  int creates;        /* number of descriptors, for which the table may have to grow */
  int named;          /* the argument in which the caller names the lowest of them, or -1 */
  bool exact;         /* exactly that one */
  int arg;            /* the argument that decides whether the call is gated, or -1 */
  uint32_t values[MAX_VALUES];
  int value_count;
  int16_t next; /* the row of the same number with other values, as in the index */
  char name[28];
};

struct policy {
  struct call call[MAX_CALLS];
  int count;
  int16_t index[CALL_INDEX]; /* open addressing by (arch, nr); 0 is empty, otherwise index + 1 */
};

extern struct policy policy;

/* x32 numbers are x86-64's with this bit, with a few exceptions (asm/unistd.h has it only on x86). */
#define X32_BIT 0x40000000u

/* NULL if the call is not in the policy; the first of several rows. */
const struct call *find_call(uint32_t arch, uint32_t nr);

const struct call *next_row(const struct call *c);

/* The row of a number whose condition holds. */
const struct call *row_for(const struct call *c, const uint64_t *args);

/* Whether the filter notifies a call with these arguments, by any row of its number. */
bool is_notified(const struct call *c, const uint64_t *args);

/* "arch:nr:name:action:errno:tcpErrno:need:needThread:detail:check:arg:values:role:creates:interruptible"; `need` may
 * have a rule: "4096+arg1*64" */
bool parse_call(char *text);

/* Thread or process exit. */
bool is_exit(const struct call *c);

#endif
