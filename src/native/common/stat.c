#include "stat.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int64_t stat_figure(const char *text, const char *key)
{
  size_t length = strlen(key);
  for (const char *row = text; row != NULL; row = strchr(row, '\n')) {
    row += *row == '\n';
    if (!strncmp(row, key, length) && row[length] == ' ')
      return strtoll(row + length + 1, NULL, 10);
  }
  return -1;
}
