#include "memory.h"

#include <stddef.h>
#include <stdlib.h>

void *must(void *memory)
{
  if (memory == NULL)
    abort();
  return memory;
}
