#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_bytes(struct json *json, const char *bytes, size_t n)
{
  if (json->cut || n > json->size - json->used) {
    json->cut = true;
    return;
  }
  memcpy(json->text + json->used, bytes, n);
  json->used += n;
}

void json_start(struct json *json)
{
  json->used = 0;
  json->cut = false;
}

void json_raw(struct json *json, const char *text)
{
  put_bytes(json, text, strlen(text));
}

/* Bytes of the well-formed UTF-8 character at p (RFC 3629), or 0. */
static unsigned utf8_length(const unsigned char *p)
{
  unsigned n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
  for (unsigned i = 1; i < n; i++)
    if ((p[i] & 0xc0) != 0x80)
      return 0;
  bool overlong = (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xf0 && p[1] < 0x90);
  bool surrogate = *p == 0xed && p[1] >= 0xa0, beyond = *p == 0xf4 && p[1] >= 0x90;
  return overlong || surrogate || beyond ? 0 : n;
}

static void json_string(struct json *json, const char *text)
{
  json_raw(json, "\"");
  for (const unsigned char *p = (const unsigned char *)text; *p;) {
    char escaped[8];
    unsigned n = utf8_length(p);
    if (*p == '"' || *p == '\\')
      snprintf(escaped, sizeof escaped, "\\%c", *p);
    else if (*p < 0x20 || *p == 0x7f)
      snprintf(escaped, sizeof escaped, "\\u%04x", *p);
    else if (n == 0)
      snprintf(escaped, sizeof escaped, "\\udc%02x", *p); /* src/text/bytes.ts reads it */
    else
      *escaped = '\0';
    put_bytes(json, *escaped ? escaped : (const char *)p, *escaped ? strlen(escaped) : n);
    p += n ? n : 1;
  }
  json_raw(json, "\"");
}

/* The first one has no comma before it. */
static void put_key(struct json *json, const char *key)
{
  if (json->used > 0 && json->text[json->used - 1] != '{')
    json_raw(json, ",");
  json_string(json, key);
  json_raw(json, ":");
}

void json_field_string(struct json *json, const char *key, const char *value)
{
  put_key(json, key);
  if (value != NULL)
    json_string(json, value);
  else
    json_raw(json, "null");
}

void json_field_number(struct json *json, const char *key, int64_t value)
{
  char text[32];
  snprintf(text, sizeof text, "%" PRId64, value);
  put_key(json, key);
  json_raw(json, text);
}

void json_field_figure(struct json *json, const char *key, int64_t value)
{
  if (value >= 0)
    json_field_number(json, key, value);
  else
    json_field_string(json, key, NULL);
}
