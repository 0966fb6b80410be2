#include "object.h"

#include <stdint.h>
#include <stdio.h>

int made, *number, first;
char *region;

const char *object_name(int i)
{
  static char name[32];
  snprintf(name, sizeof name, "/n%d", i);
  return name;
}

const char *file_name(int i)
{
  return object_name(i) + 1;
}

int keep_id(int id)
{
  if (id >= 0)
    number[made] = id;
  return id;
}

void place_numbers(void)
{
  enum { MOST_NUMBERS = 1 << 16, MAPPED = 2 << 20 };
  static int room[MOST + MOST_NUMBERS];
  uintptr_t start = (uintptr_t)room, end = (uintptr_t)(room + MOST_NUMBERS);
  number = start / MAPPED == end / MAPPED ? room : room + MOST_NUMBERS - end % MAPPED / sizeof *room;
  number[0] = 0;
}
