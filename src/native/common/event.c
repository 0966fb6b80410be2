#include "event.h"

static char text[65536]; /* two paths of escaped characters, and the rest */
static struct json line = {.text = text, .size = sizeof text};

void event(const char *kind)
{
  json_start(&line);
  json_raw(&line, "{");
  json_field_string(&line, "event", kind);
}

void field_string(const char *key, const char *value)
{
  json_field_string(&line, key, value);
}

void field_number(const char *key, int64_t value)
{
  json_field_number(&line, key, value);
}

void field_figure(const char *key, int64_t value)
{
  json_field_figure(&line, key, value);
}

const struct json *event_line(void)
{
  json_raw(&line, "}\n");
  return &line;
}
