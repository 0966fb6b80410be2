/* The helper's parts that need no group and no kernel of their own, one by one: run by test/native/unit.test.ts. */
#include <stdio.h>
#include <string.h>

#include "tap.h"

static int checks, failed;

void check(bool good, const char *name)
{
  checks++;
  failed += !good;
  printf("%sok %d - %s\n", good ? "" : "not ", checks, name);
}

void check_number(long long actual, long long expected, const char *name)
{
  check(actual == expected, name);
  if (actual != expected)
    printf("# is %lld, and should be %lld\n", actual, expected);
}

void check_text(const char *actual, const char *expected, const char *name)
{
  bool good = actual == NULL || expected == NULL ? actual == expected : !strcmp(actual, expected);
  check(good, name);
  if (!good)
    printf("# is %s, and should be %s\n", actual ? actual : "NULL", expected ? expected : "NULL");
}

int end_of_checks(void)
{
  printf("1..%d\n", checks);
  return failed > 0;
}

int main(void)
{
  test_common();
  test_policy();
  test_filter();
  test_config();
  test_inject();
  test_describe();
  test_decide();
  test_errors();
  test_sizes();
  test_steps();
  test_events();
  test_btf();
  test_relocate();
  test_ring();
  test_interruptions();
  test_group();
  return end_of_checks();
}
