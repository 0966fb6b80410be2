/* Failures requested by address. */
#include <stdio.h>
#include <string.h>

#include "../../../src/native/helper/config.h"
#include "../../../src/native/helper/inject.h"
#include "tap.h"

static bool ask(const char *address)
{
  char word[200];
  snprintf(word, sizeof word, "inject=%s", address);
  return configure(word);
}

void test_inject(void)
{
  check(injection_at(0) == NULL && !injects("0", 1, "mmap"), "inject: nothing is asked for");
  check(ask("0.1/17:mmap"), "inject: one call");
  check(ask("0.2.t1/3+"), "inject: any call, and all later ones");
  check(!ask("0.1"), "inject: no number is refused");
  check(injection_at(0)->call == 17 && !injection_at(0)->persistent && !strcmp(injection_at(0)->lineage, "0.1"),
        "inject: the address is read");
  check(injection_at(1)->persistent && injection_at(1)->name[0] == '\0', "inject: the other one too");

  check(!injects("0.1", 16, "mmap") && !injects("0.11", 17, "mmap"), "inject: another place");
  check(!injects("0.1", 17, "brk"), "inject: another call at that place");
  check_text(injection_at(0)->seen, "brk", "inject: is remembered");
  check(injects("0.1", 17, "mmap"), "inject: the call");
  note_injection("0.1", 17, "mmap", true);
  check(injection_at(0)->reached && injection_at(0)->denials == 1, "inject: it is counted");
  check(!injects("0.1", 17, "mmap"), "inject: once only");

  check(!injects("0.2", 9, "mmap"), "inject: not before it was reached");
  check(injects("0.2.t1", 3, "brk"), "inject: a thread's call");
  note_injection("0.2.t1", 3, "brk", false);
  check(injection_at(1)->reached && injection_at(1)->denials == 0, "inject: a brk that cannot fail is reached");
  check(injects("0.2", 9, "mmap") && injects("0.2.t7", 1, "mmap"), "inject: later ones of the process");
  check(!injects("0.2.1", 1, "mmap") && !injects("0", 9, "mmap"), "inject: no other process");
}
