/*
 * The runner's input as arbitrary bytes: messages in two pieces, the configuration with the policy, a step's words, and
 * the filter generated from what was read.  For clang -fsanitize=fuzzer.  Nothing is opened or executed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/native/helper/config.h"
#include "../../src/native/helper/filter.h"
#include "../../src/native/helper/inbox.h"
#include "../../src/native/helper/inject.h"
#include "../../src/native/helper/policy.h"

enum { MOST_INJECTIONS = 1000 }; /* per process: they are never freed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* The helper keeps the texts of its configuration until it exits, and is configured once. */
const char *__asan_default_options(void)
{
  return "detect_leaks=0";
}

static void reset(void)
{
  memset(&policy, 0, sizeof policy);
  free(config.groups);
  config = (struct config){.limit = -1};
}

static void handle_configuration(char **words)
{
  for (; *words; words++) {
    if (!strncmp(*words, "inject=", 7) && injection_at(MOST_INJECTIONS) != NULL)
      continue;
    if (!configure(*words))
      return;
  }
  build_filter();
}

static void handle_message(char **words)
{
  if (*words == NULL)
    return;
  if (!strcmp(*words, "config"))
    handle_configuration(words + 1);
  if (!strcmp(*words, "step")) {
    struct step_request request = parse_step(words + 1);
    free(request.argv);
    free(request.envp);
  }
}

static void receive(struct inbox *inbox, const uint8_t *data, size_t size)
{
  size_t room;
  char *space = inbox_room(inbox, &room);
  if (size > room)
    size = room;
  memcpy(space, data, size);
  inbox->used += size;
  for (char **words; (words = next_message(inbox)) != NULL;) {
    handle_message(words);
    free(words);
    end_message(inbox);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct inbox inbox = {0};
  reset();
  receive(&inbox, data, size / 2);
  receive(&inbox, data + size / 2, size - size / 2);
  free(inbox.bytes);
  for (int i = 0; i < policy.count; i++)
    if (find_call(policy.call[i].arch, policy.call[i].nr) == NULL)
      abort();
  return 0;
}
