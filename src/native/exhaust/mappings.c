#include "mappings.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "object.h"

enum { MAPPED_PAGES = 200000 };

static int made_mapping(void *address)
{
  return address == MAP_FAILED ? -1 : 0;
}

int make_mmap(void)
{
  int protection = made % 2 ? PROT_READ : PROT_NONE;
  return made_mapping(mmap(NULL, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

static void map_as(int protection)
{
  size_t size = (size_t)MAPPED_PAGES * PAGE;
  region = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

void map_region(void)
{
  map_as(PROT_NONE);
}
void map_lockable(void)
{
  map_as(PROT_READ);
} /* 5.10 does not lock unreadable mappings */

/* Every other page: a mapping is split off on either side of it. */
static char *next_page(void)
{
  return region + (size_t)(2 * made + 1) * PAGE;
}

int make_mprotect(void)
{
  return mprotect(next_page(), PAGE, PROT_READ);
}
int make_munmap(void)
{
  return munmap(next_page(), PAGE);
}
int make_madvise(void)
{
  return madvise(next_page(), PAGE, MADV_DONTDUMP);
}

int make_mlock(void)
{
  return mlock2(next_page(), PAGE, MLOCK_ONFAULT);
}

int make_brk(void)
{
  return sbrk(PAGE) == (void *)-1 ? -1 : 0;
}
