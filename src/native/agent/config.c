#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/memory.h"
#include "fail.h"

struct config config;

static bool parse_stream(int fd, const char *value)
{
  static const char *const names[] = {"null", "pipe", "smallpipe", "tty"};
  for (int i = 0; i < 4; i++)
    if (!strcmp(names[i], value)) {
      config.stream[fd] = (enum stream_kind)i;
      return true;
    }
  return false;
}

bool parse_size(const char *value, struct winsize *size)
{
  return sscanf(value, "%hu %hu", &size->ws_row, &size->ws_col) == 2;
}

static bool configure(char *record)
{
  char *value = strchr(record, '=');
  if (value == NULL)
    return false;
  size_t n = (size_t)(value++ - record);
#define IS(key) (n == sizeof key - 1 && !memcmp(record, key, n))
  if (IS("arg"))
    return config.argv[config.argc++] = value, true;
  if (IS("env"))
    return config.envp[config.envc++] = value, true;
  if (IS("cwd"))
    return config.cwd = value, true;
  if (IS("cgroup"))
    return config.v1 = !strcmp(value, "v1"), config.v1 || !strcmp(value, "v2");
  if (IS("time"))
    return config.time_ms = strtoll(value, NULL, 10), config.time_ms > 0;
  if (IS("hostname"))
    return config.hostname = value, true;
  if (IS("seed"))
    return config.seed = value, true;
  if (IS("rw"))
    return config.share_count < MAX_SHARES && (config.share[config.share_count++] = value, strchr(value, ':'));
  if (IS("directory"))
    return config.directory_count < MAX_DIRECTORIES && (config.directory[config.directory_count++] = value, true);
  if (IS("stdin"))
    return parse_stream(STDIN_FILENO, value);
  if (IS("stdout"))
    return parse_stream(STDOUT_FILENO, value);
  if (IS("stderr"))
    return parse_stream(STDERR_FILENO, value);
  if (IS("size"))
    return parse_size(value, &config.size);
  if (IS("runner"))
    return config.runner = !strcmp(value, "1"), true;
  if (IS("serves"))
    return config.serves = !strcmp(value, "1"), true;
#undef IS
  return false;
}

void read_configuration(char *records, size_t size)
{
  free(config.argv);
  free(config.envp);
  config = (struct config){0};
  size_t count = 1;
  for (size_t i = 0; i < size; i++)
    count += records[i] == '\0';
  config.argv = must(calloc(count + 1, sizeof *config.argv));
  config.envp = must(calloc(count + 1, sizeof *config.envp));
  config.cwd = "/";
  for (size_t at = 0; records[at] != '\0'; at += strlen(records + at) + 1)
    if (!configure(records + at))
      fail("read the configuration", EINVAL, records + at);
}
