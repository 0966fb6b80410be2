/*
 * A JSON object, written into a buffer.
 *
 * Names, paths and arguments are any bytes, but JSON is UTF-8: each byte that begins no well-formed character is written
 * as U+FFFD.  The writer does this, not the reader, so that every line is valid JSON.  If a piece does not fit, it is
 * left out, nothing follows, and `cut` is set: drop the object.
 */
#ifndef KMEM_COMMON_JSON_H
#define KMEM_COMMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
  char *text; /* not terminated */
  size_t size, used;
  bool cut;
};

void json_start(struct json *json);
void json_raw(struct json *json, const char *text);

/* A `value` of NULL is written as null. */
void json_field_string(struct json *json, const char *key, const char *value);

void json_field_number(struct json *json, const char *key, int64_t value);

/* A figure that could not be read is null, never a number. */
void json_field_figure(struct json *json, const char *key, int64_t value);

#endif
