/* The table of calls: each word of the policy, and looking up what it defined. */
#include <linux/audit.h>
#include <stdio.h>
#include <string.h>

#include "../../../src/native/helper/policy.h"
#include "tap.h"

static bool parse(const char *word)
{
  char copy[256];
  snprintf(copy, sizeof copy, "%s", word);
  return parse_call(copy);
}

static void reset_policy(void)
{
  memset(&policy, 0, sizeof policy);
}

static void test_fields(void)
{
  reset_policy();
  check(parse("3221225534:257:openat:gate:12:105:4096:20480:at1:tmpfs:2:1|64:open:1:1"), "policy: a whole word");
  const struct call *c = find_call(AUDIT_ARCH_X86_64, 257);
  check(c != NULL, "policy: it is found");
  if (c == NULL)
    return;
  check_text(c->name, "openat", "policy: name");
  check(c->action == GATE && c->role == ROLE_OPEN && c->check == CHECK_TMPFS, "policy: action, role, check");
  check(c->detail == DETAIL_PATH_AT && c->detail_arg == 1, "policy: detail");
  check(c->error == 12 && c->tcp_error == 105 && c->need == 4096 && c->need_thread == 20480, "policy: figures");
  check(c->arg == 2 && c->value_count == 2 && c->values[0] == 1 && c->values[1] == 64, "policy: condition");
  check(c->interruptible, "policy: may be interrupted");
  check(c->creates == 1 && c->named == -1 && !c->exact, "policy: one descriptor");
  check(find_call(AUDIT_ARCH_I386, 257) == NULL, "policy: not of another architecture");
}

static void test_descriptors(void)
{
  reset_policy();
  parse("1:1:dup2:gate:12::4096:0:fd0:fdtable::::=1:");
  parse("1:2:fcntl:gate:12::4096:0:fd0:fdtable:1:0|1030::>2:");
  parse("1:3:pipe:gate:23::4096:0::::::2:");
  parse("1:4:mkdir:gate:12::4096:0:path0:tmpfs:::::");
  const struct call *dup2 = find_call(1, 1), *fcntl = find_call(1, 2), *pipe = find_call(1, 3),
                    *mkdir = find_call(1, 4);
  check(dup2 && dup2->creates == 1 && dup2->named == 1 && dup2->exact, "policy: the descriptor that an argument names");
  check(fcntl && fcntl->creates == 1 && fcntl->named == 2 && !fcntl->exact, "policy: the lowest from there on");
  check(pipe && pipe->creates == 2 && pipe->named == -1, "policy: two descriptors");
  check(mkdir && mkdir->creates == 0 && mkdir->arg == -1 && mkdir->detail == DETAIL_PATH, "policy: no descriptor");
}

static void test_rules(void)
{
  reset_policy();
  parse("1:1:semget:gate:12::4096+pow1*64:0:::::::");
  parse("1:2:fcntl:gate:12::0+pow2*40/4096:0:::::::");
  parse("1:3:msgsnd:gate:12::4096+arg2:0:::::::");
  parse("1:4:mlockall:gate:12::0+all:0:::::::");
  const struct call *semget = find_call(1, 1), *fcntl = find_call(1, 2), *msgsnd = find_call(1, 3),
                    *mlockall = find_call(1, 4);
  check(semget && semget->need == 4096 && semget->size == SIZE_POWER && semget->size_arg == 1 && semget->factor == 64 &&
            semget->divisor == 1,
        "policy: a size by a factor");
  check(fcntl && fcntl->need == 0 && fcntl->factor == 40 && fcntl->divisor == 4096, "policy: and by a divisor");
  check(msgsnd && msgsnd->size == SIZE_ARGUMENT && msgsnd->size_arg == 2 && msgsnd->factor == 1,
        "policy: a size as it is");
  check(mlockall && mlockall->size == SIZE_ALL, "policy: a size of no argument");
}

static void test_rows_of_a_number(void)
{
  reset_policy();
  parse("1:1:fcntl:gate:12::4096:0:fd0:fdtable:1:0|1030::>2:");
  parse("1:1:fcntl:gate:12::0+pow2*40/4096:0:size2::1:1031:::");
  parse("1:1:fcntl:gate:12::1:0:::1:7:::");
  parse("1:2:dup:gate:12::4096:0:fd0:fdtable::::1:");
  const struct call *first = find_call(1, 1), *dup = find_call(1, 2);
  check(first == &policy.call[0], "policy: of several rows the first is found");
  if (first == NULL || dup == NULL)
    return;
  check(row_for(first, (uint64_t[6]){0, 1030}) == first, "policy: its own values");
  check(row_for(first, (uint64_t[6]){0, 1031}) == &policy.call[1], "policy: those of the second");
  check(row_for(first, (uint64_t[6]){0, 7}) == &policy.call[2], "policy: those of the third");
  check(row_for(&policy.call[1], (uint64_t[6]){0, 1031}) == &policy.call[1], "policy: of the second itself");
  check(row_for(dup, (uint64_t[6]){0}) == dup, "policy: the only one");
}

static void test_refused_words(void)
{
  static const struct {
    const char *word, *what;
  } words[] = {
      {"1:1:a:gate:12::4096:0::::::", "one field too few"},
      {"1:1:a:gate:12::4096:0::::::::", "one field too many"},
      {"1:1:a:let:12::4096:0::::::", "an action that is none"},
      {"1:1:a:gate:12::4096:0:::::openat::", "a role that is none"},
      {"1:1:a:gate:12::4096:0:path::::::", "a path in no argument"},
      {"1:1:a:gate:12::4096:0:path6::::::", "a path in the seventh argument"},
      {"1:1:a:gate:12::4096:0:path12::::::", "a path in two arguments"},
      {"1:1:a:gate:12::4096:0:at0::::::", "a directory before the first argument"},
      {"1:1:a:gate:12::4096:0:mmap1::::::", "an argument where there is none"},
      {"1:1:a:gate:12::4096:0:path5:tmpfs:::open::", "flags beyond the last argument"},
      {"1:1:a:gate:12::4096:0::room:::::", "a check that is none"},
      {"1:1:a:gate:12::4096:0:::6:1:::", "a condition on the seventh argument"},
      {"1:1:a:gate:12::4096:0::::::=7:", "a descriptor in the eighth argument"},
      {"1:1:a:gate:12::4096:0::::::3:", "three descriptors"},
      {"1:1:a:gate:12::4096+arg6:0:::::::", "the size in a seventh argument"},
      {"1:1:a:gate:12::4096+arg:0:::::::", "a size in no argument"},
      {"1:1:a:gate:12::4096+all1:0:::::::", "an argument where the rule has none"},
      {"1:1:a:gate:12::4096+much:0:::::::", "a rule that is none"},
      {"1:1:a:gate:12::4096+:0:::::::", "an empty rule"},
      {"1:1:a:gate:12::4096+arg1*0:0:::::::", "a factor that is 0"},
      {"1:1:a:gate:12::4096+arg1/0:0:::::::", "a divisor that is 0"},
      {"1:1:a:gate:12::4096+arg1*64x:0:::::::", "what follows a factor"},
      {"", "nothing"},
  };
  reset_policy();
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
    char name[100];
    snprintf(name, sizeof name, "policy: %s is refused", words[i].what);
    check(!parse(words[i].word) && policy.count == 0, name);
  }
}

static void test_many(void)
{
  reset_policy();
  char word[100];
  bool all = true;
  for (int i = 0; i < MAX_CALLS; i++) {
    snprintf(word, sizeof word, "%u:%u:call_%d:gate:12::4096:0:::::::", i % 2 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_I386,
             i % 3 ? (unsigned)i : (unsigned)i | X32_BIT, i);
    all &= parse(word);
  }
  check(all, "policy: as many calls as there is room for");
  check(!parse("1:1:a:gate:12::4096:0:::::::"), "policy: and no more");
  for (int i = 0; i < MAX_CALLS; i++) {
    const struct call *c =
        find_call(i % 2 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_I386, i % 3 ? (unsigned)i : (unsigned)i | X32_BIT);
    all &= c == &policy.call[i];
  }
  check(all, "policy: each of them is found");
  check(find_call(AUDIT_ARCH_X86_64, 5000) == NULL, "policy: others are not");
}

/* Numbers whose search starts at the same slot. */
static void test_collisions(void)
{
  reset_policy();
  char word[100];
  for (unsigned i = 0; i < 20; i++) {
    snprintf(word, sizeof word, "1:%u:call_%u:gate:12::4096:0:::::::", 7 + i * CALL_INDEX, i);
    parse(word);
  }
  bool all = true;
  for (unsigned i = 0; i < 20; i++)
    all &= find_call(1, 7 + i * CALL_INDEX) == &policy.call[i];
  check(all, "policy: calls that collide are found");
  check(find_call(1, 7 + 20 * CALL_INDEX) == NULL, "policy: one that would is not");
}

void test_policy(void)
{
  test_fields();
  test_descriptors();
  test_rules();
  test_rows_of_a_number();
  test_refused_words();
  test_many();
  test_collisions();
  reset_policy();
}
