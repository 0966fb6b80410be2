#include "policy.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct policy policy;

static const char *const actions[] = {[GATE] = "gate", [REFUSE] = "refuse", [WATCH] = "watch", [KNOWN] = "known"};
static const char *const roles[] = {
    [ROLE_NONE] = "",
    [ROLE_BRK] = "brk",
    [ROLE_EXEC] = "exec",
    [ROLE_THREAD_EXIT] = "thread-exit",
    [ROLE_PROCESS_EXIT] = "process-exit",
    [ROLE_VFORK] = "vfork",
    [ROLE_CLONE] = "clone",
    [ROLE_CLONE3] = "clone3",
    [ROLE_OPEN] = "open",
    [ROLE_OPEN2] = "open2",
    [ROLE_CREAT] = "creat",
    [ROLE_CONNECT] = "connect",
    [ROLE_FILTER] = "filter",
    [ROLE_TRACE] = "trace",
    [ROLE_SOCKETCALL] = "socketcall",
};
static const char *const details[] = {
    [DETAIL_NONE] = "",       [DETAIL_PATH] = "path",     [DETAIL_PATH_AT] = "at",
    [DETAIL_SIZE] = "size",   [DETAIL_FD] = "fd",         [DETAIL_MMAP] = "mmap",
    [DETAIL_CLONE] = "clone", [DETAIL_SOCKET] = "socket", [DETAIL_ADDRESS] = "address",
};
static const char *const checks[] = {
    [CHECK_NONE] = "",   [CHECK_SPLIT] = "split", [CHECK_FDTABLE] = "fdtable",
    [CHECK_IPC] = "ipc", [CHECK_TMPFS] = "tmpfs", [CHECK_ON_TMPFS] = "on-tmpfs",
};

static const char *const sizes[] = {
    [SIZE_NONE] = "",       [SIZE_ARGUMENT] = "arg",    [SIZE_POWER] = "pow",       [SIZE_FILTER] = "filter",
    [SIZE_XATTR] = "xattr", [SIZE_BPF_MAP] = "bpf-map", [SIZE_MAPPING] = "mapping", [SIZE_MOVE] = "move",
    [SIZE_RANGE] = "range", [SIZE_ALL] = "all",
};

#define COUNT_OF(list) ((int)(sizeof list / sizeof *list))

static unsigned call_slot(uint32_t arch, uint32_t nr)
{
  return (nr ^ (nr >> 20) ^ (arch * 2654435761u >> 21)) & (CALL_INDEX - 1u);
}

const struct call *find_call(uint32_t arch, uint32_t nr)
{
  for (unsigned slot = call_slot(arch, nr); policy.index[slot] != 0; slot = (slot + 1) & (CALL_INDEX - 1u)) {
    const struct call *c = &policy.call[policy.index[slot] - 1];
    if (c->arch == arch && c->nr == nr)
      return c;
  }
  return NULL;
}

static bool has_value(const struct call *c, uint32_t value)
{
  for (int i = 0; i < c->value_count; i++)
    if (c->values[i] == value)
      return true;
  return false;
}

const struct call *next_row(const struct call *c)
{
  return c->next != 0 ? &policy.call[c->next - 1] : NULL;
}

const struct call *row_for(const struct call *c, const uint64_t *args)
{
  const struct call *row = c;
  while (row->next != 0 && row->arg >= 0 && !has_value(row, (uint32_t)args[row->arg]))
    row = next_row(row);
  return row;
}

bool is_notified(const struct call *c, const uint64_t *args)
{
  const struct call *row = row_for(c, args);
  return row->arg < 0 || has_value(row, (uint32_t)args[row->arg]);
}

/* The index of the first `length` characters of `text` in a list of words, or -1. */
static int place_of(const char *const words[], int count, const char *text, size_t length)
{
  for (int i = 0; i < count; i++)
    if (strlen(words[i]) == length && !strncmp(words[i], text, length))
      return i;
  return -1;
}

static int place_of_word(const char *const words[], int count, const char *text)
{
  return place_of(words, count, text, strlen(text));
}

static bool is_argument(char digit)
{
  return digit >= '0' && digit <= '5';
}

/* "path0": a kind, and the argument if the kind has one. */
static bool parse_detail(struct call *c, const char *text)
{
  size_t length = strcspn(text, "012345");
  int detail = place_of(details, COUNT_OF(details), text, length);
  bool needs_argument = detail >= DETAIL_PATH && detail <= DETAIL_FD;
  if (detail < 0 || needs_argument != is_argument(text[length]) || (needs_argument && text[length + 1] != '\0'))
    return false;
  c->detail = (enum detail)detail;
  c->detail_arg = needs_argument ? text[length] - '0' : 0;
  return detail != DETAIL_PATH_AT || c->detail_arg > 0;
}

/*
 * "", "1", "2": that number; "=1": the one named by argument 1; ">2": the lowest from the one named by argument 2 on.
 */
static bool parse_creates(struct call *c, const char *text)
{
  bool named = *text == '=' || *text == '>';
  c->named = named && is_argument(text[1]) ? text[1] - '0' : -1;
  c->exact = *text == '=';
  c->creates = named ? 1 : atoi(text);
  return (!named || c->named >= 0) && c->creates >= 0 && c->creates <= 2;
}

/* "4096", "4096+arg1*64", "0+pow2*40/4096": bytes, and an addition for a size. */
static bool parse_need(struct call *c, char *text)
{
  char *rule = text;
  c->need = atoll(strsep(&rule, "+"));
  c->factor = c->divisor = 1;
  if (rule == NULL)
    return true;
  size_t length = strcspn(rule, "012345");
  int size = place_of(sizes, COUNT_OF(sizes), rule, length);
  bool scales = size >= SIZE_ARGUMENT && size <= SIZE_XATTR;
  if (size <= SIZE_NONE || scales != is_argument(rule[length]))
    return false;
  c->size = (enum size)size;
  if (!scales)
    return rule[length] == '\0';
  c->size_arg = rule[length] - '0';
  char *end = rule + length + 1;
  if (*end == '*')
    c->factor = (uint32_t)strtoul(end + 1, &end, 10);
  if (*end == '/')
    c->divisor = (uint32_t)strtoul(end + 1, &end, 10);
  return *end == '\0' && c->factor > 0 && c->divisor > 0 && c->factor <= MOST_PER_UNIT;
}

static void index_call(struct call *c)
{
  for (unsigned slot = call_slot(c->arch, c->nr); policy.index[slot] != 0; slot = (slot + 1) & (CALL_INDEX - 1u)) {
    struct call *other = &policy.call[policy.index[slot] - 1];
    if (other->arch != c->arch || other->nr != c->nr)
      continue;
    while (other->next != 0)
      other = &policy.call[other->next - 1];
    other->next = (int16_t)(c - policy.call + 1);
    return;
  }
  unsigned slot = call_slot(c->arch, c->nr);
  while (policy.index[slot] != 0)
    slot = (slot + 1) & (CALL_INDEX - 1u);
  policy.index[slot] = (int16_t)(c - policy.call + 1);
}

bool parse_call(char *text)
{
  enum {
    ARCH,
    NR,
    NAME,
    ACTION,
    ERRNO,
    TCP_ERRNO,
    NEED,
    NEED_THREAD,
    DETAIL,
    CHECK,
    ARG,
    VALUES,
    ROLE,
    CREATES,
    INTERRUPTIBLE,
    FIELDS
  };
  char *field[FIELDS];
  for (int i = 0; i < FIELDS; i++)
    if ((field[i] = strsep(&text, ":")) == NULL)
      return false;
  if (text != NULL || policy.count == MAX_CALLS)
    return false;
  struct call *c = &policy.call[policy.count];
  *c = (struct call){0};
  int action = place_of_word(actions, COUNT_OF(actions), field[ACTION]);
  int role = place_of_word(roles, COUNT_OF(roles), field[ROLE]);
  int check = place_of_word(checks, COUNT_OF(checks), field[CHECK]);
  bool conditional = *field[ARG] != '\0';
  if (action < 0 || role < 0 || check < 0 || !parse_detail(c, field[DETAIL]) || !parse_creates(c, field[CREATES]) ||
      !parse_need(c, field[NEED]) || (conditional && (!is_argument(*field[ARG]) || field[ARG][1] != '\0')))
    return false;
  if ((role == ROLE_OPEN || role == ROLE_OPEN2) && c->detail_arg > 4) /* the flags come after */
    return false;
  c->arch = (uint32_t)strtoul(field[ARCH], NULL, 10);
  c->nr = (uint32_t)strtoul(field[NR], NULL, 10);
  snprintf(c->name, sizeof c->name, "%s", field[NAME]);
  c->action = (enum action)action;
  c->role = (enum role)role;
  c->check = (enum check)check;
  c->error = atoi(field[ERRNO]);
  c->tcp_error = atoi(field[TCP_ERRNO]);
  c->need_thread = atoll(field[NEED_THREAD]);
  c->interruptible = *field[INTERRUPTIBLE] != '\0';
  c->arg = conditional ? *field[ARG] - '0' : -1;
  for (char *v; c->value_count < MAX_VALUES && (v = strsep(&field[VALUES], "|")) != NULL;)
    if (*v)
      c->values[c->value_count++] = (uint32_t)strtoul(v, NULL, 10);
  policy.count++;
  index_call(c);
  return true;
}

bool is_exit(const struct call *c)
{
  return c->role == ROLE_THREAD_EXIT || c->role == ROLE_PROCESS_EXIT;
}
