#include "trace.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "../common/clock.h"
#include "../common/json.h"
#include "config.h"
#include "describe.h"
#include "lineage.h"
#include "policy.h"
#include "proc.h"
#include "run.h"

static FILE *trace;
static uint64_t trace_lost;

bool open_trace(void)
{
  trace = fopen(config.trace_file, "we");
  if (trace != NULL)
    setvbuf(trace, NULL, _IOFBF, 65536);
  return trace != NULL;
}

bool is_tracing(void)
{
  return trace != NULL;
}

void trace_call(const struct request *r, int64_t usage, const char *given)
{
  static char text[65536];
  struct json line = {.text = text, .size = sizeof text};
  if (trace == NULL || r->call->action == WATCH)
    return;
  char detail[PATH_MAX], exe[PATH_MAX], address[ADDRESS_LENGTH], number[40];
  uint64_t now = now_ns();
  pid_t tid = tid_of(r);
  snprintf(number, sizeof number, "%.3f", (double)since_start(now) / 1e6);
  json_raw(&line, "{\"atMs\":");
  json_raw(&line, number);
  json_field_figure(&line, "pid", thread_group(tid));
  json_field_number(&line, "tid", tid);
  json_field_string(&line, "comm", comm_of(tid, now));
  json_field_string(&line, "exe", executable(tid, exe, sizeof exe));
  json_field_string(&line, "address", address_of(r, address, sizeof address));
  json_field_string(&line, "syscall", r->call->name);
  json_field_string(&line, "detail", describe(r->call, tid, args_of(r), detail, sizeof detail));
  json_field_figure(&line, "usage", usage);
  json_field_string(&line, "answer", given);
  json_raw(&line, "}\n");
  if (line.cut || fwrite(line.text, 1, line.used, trace) != line.used)
    trace_lost++;
}

void close_trace(void)
{
  if (trace != NULL && (fflush(trace) != 0 || fclose(trace) != 0))
    trace_lost++;
}

uint64_t lost_trace_lines(void)
{
  return trace_lost;
}
