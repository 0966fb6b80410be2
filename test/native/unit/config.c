/* The configuration, a step's words, and incoming messages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../src/native/helper/config.h"
#include "../../../src/native/helper/inbox.h"
#include "tap.h"

static bool set(const char *word)
{
  char copy[256];
  snprintf(copy, sizeof copy, "%s", word);
  return configure(copy);
}

static void test_words(void)
{
  check(config.limit == -1, "config: no limit unless one is asked for");
  check(set("limit=1048576") && config.limit == 1048576, "config: a limit");
  check(set("reserve=16384") && config.reserve == 16384, "config: a reserve");
  check(set("gate=1") && config.gate, "config: the gate");
  check(set("errno-enomem=0") && !config.errno_enomem && set("aslr=1") && config.aslr, "config: flags");
  check(set("usage=/a=b") && !strcmp(config.usage_file, "/a=b"), "config: a value with an equals sign");
  check(set("reclaim=/r") && config.reclaim && !strcmp(config.reclaim_file, "/r"), "config: reclaim");
  check(set("uid=1000") && config.has_identity && config.uid == 1000 && set("gid=100") && config.gid == 100,
        "config: an identity");
  check(set("groups=4,27,,100") && config.group_count == 3 && config.groups[2] == 100, "config: groups");
  check(set("cpus=0,3") && config.has_cpus && CPU_ISSET(3, &config.cpus) && !CPU_ISSET(1, &config.cpus),
        "config: CPUs");
  check(!set("cpus=-1") && !set("cpus=99999"), "config: a CPU that cannot be is refused");
  check(!set("limit") && !set("unknown=1") && !set(""), "config: what is no setting is refused");
  bool all = true;
  for (int i = 0; i < MAX_LIST; i++)
    all &= set("join=/j");
  check(all && !set("join=/one-too-many"), "config: a list has an end");
}

static void test_step(void)
{
  char path[] = "path=/bin/true", first[] = "arg=true", second[] = "arg=", env[] = "env=A=b", null[] = "stdin=null";
  char directory[] = "directory=/", background[] = "background";
  char *words[] = {path, first, env, second, null, directory, background, NULL};
  struct step_request request = parse_step(words);
  check_text(request.path, "/bin/true", "step: the program");
  check(!strcmp(request.argv[0], "true") && !strcmp(request.argv[1], "") && request.argv[2] == NULL, "step: arguments");
  check(!strcmp(request.envp[0], "A=b") && request.envp[1] == NULL, "step: environment");
  check(request.null_stdin && request.background && !strcmp(request.directory, "/"), "step: the rest");
  free(request.argv);
  free(request.envp);
}

static void put(struct inbox *inbox, const char *bytes, size_t n)
{
  size_t room;
  char *space = inbox_room(inbox, &room);
  memcpy(space, bytes, n);
  inbox->used += n;
}

/* The same messages, however they are split into pieces. */
static bool arrives_in_pieces_of(size_t size)
{
  static const char sent[] = "config\0gate=1\0\0\0limit\0none\0\0close\0";
  struct inbox inbox = {0};
  int messages = 0;
  bool good = true;
  for (size_t at = 0; at < sizeof sent; at += size) {
    put(&inbox, sent + at, at + size > sizeof sent ? sizeof sent - at : size);
    for (char **words; (words = next_message(&inbox)) != NULL; messages++) {
      good &= messages != 0 || (!strcmp(words[0], "config") && !strcmp(words[1], "gate=1") && words[2] == NULL);
      good &= messages != 1 || words[0] == NULL;
      good &= messages != 2 || (!strcmp(words[1], "none") && words[2] == NULL);
      good &= messages != 3 || !strcmp(words[0], "close");
      free(words);
      end_message(&inbox);
    }
  }
  free(inbox.bytes);
  return good && messages == 4 && inbox.used == 0;
}

static void test_messages(void)
{
  bool all = true;
  for (size_t size = 1; size < 40; size++)
    all &= arrives_in_pieces_of(size);
  check(all, "inbox: messages in pieces of every size");
  struct inbox inbox = {0};
  put(&inbox, "half", 4);
  check(next_message(&inbox) == NULL, "inbox: half a message is none");
  free(inbox.bytes);
}

void test_config(void)
{
  static struct config read; /* its texts are never freed, as in the helper */
  test_words();
  test_step();
  test_messages();
  read = config;
  config = (struct config){.limit = read.gate ? -1 : 0};
}
