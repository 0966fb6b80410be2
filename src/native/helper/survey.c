#include "survey.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../common/clock.h"
#include "../common/json.h"
#include "btf.h"
#include "embedded.h"
#include "object.h"
#include "object_load.h"
#include "probes.h"
#include "trials.h"
#include "watched.h"

static const struct image *const objects[] = {&refusals_image, &watch_image, &profile_image};

/* The verifier's last line counts what it did; the reason is in the line before. */
static const char *reason_in(char *log)
{
  char *summary = strstr(log, "\nprocessed ");
  if (summary)
    *summary = '\0';
  char *line = strrchr(log, '\n');
  return line ? line + 1 : log;
}

static void show_program(struct object *object, const char *name, const char *section)
{
  static char log[1 << 20];
  uint32_t function = strcmp(section, "fexit") == 0 ? charge_function() : 0;
  bool exists = function != 0 || strcmp(section, "fexit") != 0;
  uint64_t began = now_ns();
  errno = ENOENT;
  int fd = exists ? load_object_program(object, section, function) : -1, error = fd < 0 ? errno : 0;
  uint64_t loaded = now_ns();
  bool attached = fd >= 0 && (!strncmp(section, "syscall", 7) || attach_object_program(object, section));
  if (fd >= 0 && !attached)
    error = errno;
  uint64_t done = now_ns();
  log[0] = '\0';
  if (fd < 0 && exists)
    load_with_log(object, section, function, log, sizeof log);
  char text[2048];
  struct json line = {.text = text, .size = sizeof text - 2};
  json_start(&line);
  json_raw(&line, "{");
  json_field_string(&line, "object", name);
  json_field_string(&line, "program", section);
  json_field_number(&line, "errno", error);
  json_field_number(&line, "loadNs", (int64_t)(loaded - began));
  json_field_number(&line, "attachNs", (int64_t)(done - loaded));
  json_field_string(&line, "reason", fd < 0 && exists ? reason_in(log) : NULL);
  json_raw(&line, "}\n");
  fwrite(text, 1, line.used, stdout);
}

static void show_trial(const struct trial *trial)
{
  char text[256];
  struct json line = {.text = text, .size = sizeof text - 2};
  json_start(&line);
  json_raw(&line, "{");
  json_field_string(&line, "kind", trial->kind);
  json_field_string(&line, "program", trial->program);
  json_field_number(&line, "errno", trial->error);
  json_raw(&line, trial->works ? ",\"works\":true}\n" : ",\"works\":false}\n");
  fwrite(text, 1, line.used, stdout);
}

/* A constant that describes the machine decides which code the verifier checks. */
static bool open_named(struct object *object, unsigned index)
{
  if (objects[index] == &refusals_image)
    return open_object(object, objects[index]);
  return open_group_object(object, objects[index], is_memory_unified());
}

int show_programs(const char *join_file)
{
  uint64_t began = now_ns();
  const struct btf *kernel = kernel_btf();
  printf("{\"types\":%s,\"readNs\":%llu}\n", kernel ? "true" : "false", (unsigned long long)(now_ns() - began));
  for (unsigned i = 0; i < sizeof objects / sizeof *objects; i++) {
    struct object object;
    if (!open_named(&object, i)) {
      printf("{\"object\":\"%s\",\"program\":null,\"errno\":%d}\n", objects[i]->name, errno);
      continue;
    }
    for (int p = 0; p < object.program_count; p++)
      show_program(&object, objects[i]->name, object.program[p].section);
    close_object(&object);
  }
  struct trial trials[TRIALS];
  run_trials(trials, join_file);
  for (int i = 0; i < TRIALS; i++)
    show_trial(&trials[i]);
  return 0;
}
