#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "../common/memory.h"
#include "fit.h"
#include "inject.h"
#include "policy.h"

struct config config = {.limit = -1, .fault_signal = -1};

static bool append(char **list, int *count, const char *value)
{
  if (*count == MAX_LIST)
    return false;
  list[(*count)++] = must(strdup(value));
  return true;
}

static bool parse_groups(char *text)
{
  config.groups = must(calloc(65536, sizeof *config.groups));
  for (char *g; (g = strsep(&text, ",")) != NULL;)
    if (*g && config.group_count < 65536)
      config.groups[config.group_count++] = (gid_t)strtoul(g, NULL, 10);
  return true;
}

static bool parse_cpus(char *text)
{
  config.has_cpus = true;
  for (char *c; (c = strsep(&text, ",")) != NULL;) {
    int cpu = atoi(c);
    if (cpu < 0 || cpu >= CPU_SETSIZE)
      return false;
    CPU_SET((size_t)cpu, &config.cpus);
  }
  return true;
}

bool configure(char *text)
{
  char *value = strchr(text, '=');
  if (value == NULL)
    return false;
  *value++ = '\0';
  const char *key = text;
  if (!strcmp(key, "call"))
    return parse_call(value);
  if (!strcmp(key, "gate"))
    return config.gate = atoi(value), true;
  if (!strcmp(key, "enforce")) {
    config.enforce = !strcmp(value, "allocation") ? ALLOCATIONS : !strcmp(value, "object") ? OBJECTS : NOTHING;
    return config.enforce != NOTHING;
  }
  if (!strcmp(key, "limit"))
    return config.limit = atoll(value), true;
  if (!strcmp(key, "reserve"))
    return config.reserve = atoll(value), true;
  if (!strcmp(key, "errno-enomem"))
    return config.errno_enomem = atoi(value), true;
  if (!strcmp(key, "aslr"))
    return config.aslr = atoi(value), true;
  if (!strcmp(key, "reclaim"))
    return config.reclaim = true, config.reclaim_file = must(strdup(value)), true;
  if (!strcmp(key, "usage"))
    return config.usage_file = must(strdup(value)), true;
  if (!strcmp(key, "refresh"))
    return config.refresh_file = must(strdup(value)), true;
  if (!strcmp(key, "failcnt"))
    return config.failcnt_file = must(strdup(value)), true;
  if (!strcmp(key, "oom-score"))
    return config.oom_score = must(strdup(value)), true;
  if (!strcmp(key, "attribute"))
    return config.attribute = must(strdup(value)), true;
  if (!strcmp(key, "watched"))
    return config.watched = must(strdup(value)), true;
  if (!strcmp(key, "rcu-wait"))
    return config.rcu_wait = atoi(value), true;
  if (!strcmp(key, "profile"))
    return config.profile = atoi(value), true;
  if (!strcmp(key, "kill-escaped"))
    return config.kill_escaped = atoi(value), true;
  if (!strcmp(key, "fitted"))
    return config.fitted_count++, remember_fitted(value), true;
  if (!strcmp(key, "lent-watch"))
    return config.lent_watch = must(strdup(value)), true;
  if (!strcmp(key, "lent-calls"))
    return config.lent_calls = must(strdup(value)), true;
  if (!strcmp(key, "fault-signal"))
    return config.fault_signal = atoi(value), true;
  if (!strcmp(key, "max"))
    return config.max_file = must(strdup(value)), true;
  if (!strcmp(key, "trace"))
    return config.trace_file = must(strdup(value)), true;
  if (!strcmp(key, "inject"))
    return parse_injection(value);
  if (!strcmp(key, "lock-file"))
    return config.lock_file = must(strdup(value)), true;
  if (!strcmp(key, "join"))
    return append(config.join, &config.join_count, value);
  if (!strcmp(key, "late-join"))
    return append(config.late_join, &config.late_join_count, value);
  if (!strcmp(key, "join-into"))
    return config.join_into = must(strdup(value)), true;
  if (!strcmp(key, "clone-into"))
    return config.clone_into = must(strdup(value)), true;
  if (!strcmp(key, "kill"))
    return append(config.kill_file, &config.kill_file_count, value);
  if (!strcmp(key, "directory"))
    return append(config.directory, &config.directory_count, value);
  if (!strcmp(key, "uid"))
    return config.has_identity = true, config.uid = (uid_t)strtoul(value, NULL, 10), true;
  if (!strcmp(key, "gid"))
    return config.gid = (gid_t)strtoul(value, NULL, 10), true;
  if (!strcmp(key, "groups"))
    return parse_groups(value);
  if (!strcmp(key, "cpus"))
    return parse_cpus(value);
  return false;
}

void set_limit(int64_t limit)
{
  config.limit = limit;
}

struct step_request parse_step(char **words)
{
  struct step_request request = {0};
  size_t total = 0;
  for (char **w = words; *w; w++)
    total++;
  request.argv = must(calloc(total + 1, sizeof *request.argv));
  request.envp = must(calloc(total + 1, sizeof *request.envp));
  size_t args = 0, envs = 0;
  for (; *words; words++) {
    if (!strncmp(*words, "arg=", 4))
      request.argv[args++] = *words + 4;
    else if (!strncmp(*words, "env=", 4))
      request.envp[envs++] = *words + 4;
    else if (!strncmp(*words, "path=", 5))
      request.path = *words + 5;
    else if (!strncmp(*words, "directory=", 10))
      request.directory = *words + 10;
    else if (!strcmp(*words, "stdin=null"))
      request.null_stdin = true;
    else if (!strcmp(*words, "background"))
      request.background = true;
  }
  return request;
}
