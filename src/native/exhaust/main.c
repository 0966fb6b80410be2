/*
 * Creates one kind of kernel object until the kernel refuses one, and prints how many were created.
 *
 * usage: exhaust ROW [FOLDER [FILL [TRIES [FIRST]]]]
 *        exhaust files FOLDER COUNT
 *
 * Prints {"row":…,"made":N,"errno":E,"before":B,"after":A}: B and A are the group's kernel memory (bytes) before the
 * first object and with the last.  FOLDER, on tmpfs, is where rows that create names create them.  With FILL (not 0) it
 * stops by itself, with errno 0, at the object that takes the group's kernel memory above that many bytes, and does not
 * count it.  `files` creates COUNT empty files, for `inotify_watch` to watch.  What would outlive the program is
 * removed.
 *
 * With TRIES it makes that many tries, each in its own process and with its own line of output.  An object consists of
 * several parts (a socket: its inode, the protocol's own structure, a name, a file), and the first of them that does
 * not fit decides which errno the kernel returns.  So try number N also holds N open files, which start the row N × 264
 * bytes later (`struct file` on 5.10).  FIRST: the number of the first try.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/json.h"
#include "counter.h"
#include "descriptors.h"
#include "files.h"
#include "ipc.h"
#include "object.h"
#include "rows.h"

enum {
  SETTLE_TIMES = 100,
  SETTLED = 4 * PAGE, /* what a try may leave behind for good, such as a slab's own list of owners */
};

static int stays_above(long long bytes)
{
  if (read_usage() <= bytes)
    return 0;
  usleep(SETTLE_US);
  return read_usage() > bytes;
}

/* Runs at the limit: touches no more memory than there is. */
static void print_result(const struct row *row, int error, long long before, long long after)
{
  char text[256];
  struct json line = {.text = text, .size = sizeof text};
  json_raw(&line, "{");
  json_field_string(&line, "row", row->name);
  json_field_number(&line, "made", made);
  json_field_number(&line, "errno", error);
  json_field_number(&line, "before", before);
  json_field_number(&line, "after", after);
  json_raw(&line, "}\n");
  if (write(STDOUT_FILENO, line.text, line.used) < 0)
    perror("write");
}

static void run_row(const struct row *row, long long fill)
{
  int most = row->most ? row->most : MOST, error = 0;
  if (row->prepare)
    row->prepare();
  usleep(SETTLE_US);
  read_usage(); /* once for what the first reading itself needs */
  long long before = read_usage(), after;
  while (made < most && error == 0) {
    if (row->make() < 0)
      error = errno;
    else if (fill > 0 && stays_above(fill))
      break;
    else
      made++;
  }
  after = read_usage();
  print_result(row, error, before, after);
  for (int i = 0; row->end && i < made + (error == 0); i++)
    row->end(i);
  if (row->prepare == one_file || row->prepare == one_lockable)
    remove_file();
}

/* What the previous try freed stays charged until an RCU grace period is over. */
static void await_settled(long long bytes)
{
  for (int i = 0; i < SETTLE_TIMES && read_usage() > bytes; i++)
    usleep(SETTLE_US);
}

/* In a separate process, whose exit removes everything that has no name. */
static int try_row(const struct row *row, long long fill, int opens)
{
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    for (int i = 0; i < opens; i++)
      make_open();
    run_row(row, fill);
    _exit(0);
  }
  if (pid < 0)
    return perror("fork"), 2;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static int run_tries(const struct row *row, long long fill, int tries, int first_try)
{
  unshare_ipc();
  usleep(SETTLE_US);
  read_usage();
  long long base = read_usage();
  for (int i = 0; i < tries; i++) {
    int status = try_row(row, fill, first_try + i);
    if (status != 0)
      return status;
    await_settled(base + SETTLED);
  }
  return 0;
}

int main(int argc, char **argv)
{
  const struct row *row = NULL;
  for (size_t i = 0; argc > 1 && i < ROWS; i++)
    if (!strcmp(rows[i].name, argv[1]))
      row = &rows[i];
  if (argc > 2 && chdir(argv[2]) < 0)
    return perror(argv[2]), 2;
  if (argc > 3 && !strcmp(argv[1], "files"))
    return make_files(atoi(argv[3]));
  if (row == NULL)
    return fprintf(stderr, "exhaust: no such row\n"), 2;
  long long fill = argc > 3 ? atoll(argv[3]) : 0;
  int tries = argc > 4 ? atoi(argv[4]) : 0, first_try = argc > 5 ? atoi(argv[5]) : 0;

  raise_limits();
  place_numbers();
  open_counter();
  if (tries > 0)
    return run_tries(row, fill, tries, first_try);
  run_row(row, fill);
  return 0;
}
