#include "run.h"

static uint64_t start_ns; /* when the first step was released */
static bool closed;       /* the figures no longer change */

void start_run(uint64_t now)
{
  if (start_ns == 0)
    start_ns = now;
}

uint64_t run_start(void)
{
  return start_ns;
}

int64_t since_start(uint64_t now)
{
  return start_ns == 0 ? 0 : (int64_t)(now - start_ns);
}

void end_run(void)
{
  closed = true;
}

bool is_closed(void)
{
  return closed;
}
