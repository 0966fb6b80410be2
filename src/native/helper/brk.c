#include "brk.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "proc.h"

/*
 * The last request of each process and its time (clock ticks since boot): nothing else records a break within a page.
 * A break inherited by fork is not seen.
 */
static struct {
  pid_t pid;
  uint64_t requested, ticks;
} breaks[COMM_CACHE];

/*
 * The current break of the caller, or 0 if it is unknown.  The end of [heap] is the break rounded up to the page; if
 * the last request of this process agrees, it is the exact one.  Too high by less than a page does no harm; too low
 * would make the C library hand out memory that is in use.
 */
uint64_t current_break(pid_t pid)
{
  char path[40], row[512], text[2048];
  uint64_t end = 0;
  if (!read_proc(pid, "stat", text, sizeof text))
    return 0;
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *maps = fopen(path, "re");
  if (maps == NULL)
    return 0;
  while (fgets(row, sizeof row, maps))
    if (strstr(row, "[heap]")) {
      uint64_t from, to;
      if (sscanf(row, "%" SCNx64 "-%" SCNx64, &from, &to) == 2)
        end = to;
    }
  fclose(maps);
  if (end == 0) /* no heap yet: the break is where the heap would start */
    return stat_field(text, 47);
  unsigned slot = (unsigned)pid % COMM_CACHE;
  if (breaks[slot].pid != pid || breaks[slot].ticks < stat_field(text, 22)) /* from another process that had this pid */
    return end;
  return (breaks[slot].requested + 4095) / 4096 * 4096 == end ? breaks[slot].requested : end;
}

void note_break(pid_t tid, uint64_t address)
{
  static bool needed;
  needed |= address % 4096 != 0;
  if (address == 0 || !needed)
    return;
  pid_t pid = thread_group(tid);
  unsigned slot = (unsigned)pid % COMM_CACHE;
  breaks[slot].pid = pid;
  breaks[slot].requested = address;
  breaks[slot].ticks = boot_ticks();
}

void forget_break(pid_t tid)
{
  pid_t pid = thread_group(tid);
  if (pid > 0 && breaks[(unsigned)pid % COMM_CACHE].pid == pid)
    breaks[(unsigned)pid % COMM_CACHE].pid = 0;
}
