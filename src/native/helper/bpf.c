#include "bpf.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Before 5.11 BPF objects count as locked memory, whatever the command may lock, so we lift the limit. */
static int bpf(int command, union bpf_attr *attr)
{
  long result = syscall(SYS_bpf, command, attr, sizeof *attr);
  struct rlimit locked, unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  if (result >= 0 || errno != EPERM || getrlimit(RLIMIT_MEMLOCK, &locked) < 0 ||
      setrlimit(RLIMIT_MEMLOCK, &unlimited) < 0)
    return (int)result;
  result = syscall(SYS_bpf, command, attr, sizeof *attr);
  int saved = errno;
  setrlimit(RLIMIT_MEMLOCK, &locked);
  errno = saved;
  return (int)result;
}

int make_map(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries, uint32_t flags)
{
  union bpf_attr attr = {
      .map_type = type, .key_size = key_size, .value_size = value_size, .max_entries = entries, .map_flags = flags};
  return bpf(BPF_MAP_CREATE, &attr);
}

int load_program(const struct program_text *text)
{
  union bpf_attr attr = {
      .prog_type = text->type,
      .expected_attach_type = text->attach_type,
      .attach_btf_id = text->function,
      .insns = (uintptr_t)text->code,
      .insn_cnt = text->length,
      .license = (uintptr_t) "Dual MIT/GPL",
      .log_buf = (uintptr_t)text->log,
      .log_size = text->log ? text->log_size : 0,
      .log_level = text->log ? 1 : 0,
      .prog_flags = text->type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0,
  };
  snprintf(attr.prog_name, sizeof attr.prog_name, "%s", text->name);
  return bpf(BPF_PROG_LOAD, &attr);
}

int attach_program(int program, const char *tracepoint)
{
  union bpf_attr attr = {.raw_tracepoint = {.name = (uintptr_t)tracepoint, .prog_fd = (uint32_t)program}};
  return bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
}

bool run_program(int program)
{
  union bpf_attr attr = {.test = {.prog_fd = (uint32_t)program}};
  return bpf(BPF_PROG_RUN, &attr) == 0 && attr.test.retval == 0;
}

uint64_t missed_by(int program)
{
  struct bpf_prog_info info = {0};
  union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)program, .info_len = sizeof info, .info = (uintptr_t)&info}};
  return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 ? info.recursion_misses : 0;
}

bool freeze_map(int map)
{
  union bpf_attr attr = {.map_fd = (uint32_t)map};
  return bpf(BPF_MAP_FREEZE, &attr) == 0;
}

bool set_entry(int map, const void *key, const void *value)
{
  union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)key, .value = (uintptr_t)value, .flags = BPF_ANY};
  return bpf(BPF_MAP_UPDATE_ELEM, &attr) == 0;
}

bool get_entry(int map, const void *key, void *value)
{
  union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)key, .value = (uintptr_t)value};
  return bpf(BPF_MAP_LOOKUP_ELEM, &attr) == 0;
}

bool delete_entry(int map, const void *key)
{
  union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)key};
  return bpf(BPF_MAP_DELETE_ELEM, &attr) == 0;
}

bool next_key(int map, const void *key, void *next)
{
  union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)key, .next_key = (uintptr_t)next};
  return bpf(BPF_MAP_GET_NEXT_KEY, &attr) == 0;
}
