/* What the helper kills. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/native/helper/config.h"
#include "../../../src/native/helper/group.h"
#include "tap.h"

static pid_t start_sleeper(void)
{
  pid_t pid = fork();
  if (pid == 0)
    for (;;)
      pause();
  return pid;
}

/* A stale list of processes: the pid now belongs to a process that was never in the group. */
static void test_kill_group(void)
{
  char folder[] = "/tmp/kmem-unit-XXXXXX", list[64], word[80];
  pid_t bystander = start_sleeper();
  if (mkdtemp(folder) == NULL)
    return;
  snprintf(list, sizeof list, "%s/cgroup.procs", folder);
  FILE *procs = fopen(list, "w");
  fprintf(procs, "%d\n", bystander);
  fclose(procs);
  snprintf(word, sizeof word, "directory=%s", folder);
  configure(word);
  check_number(kill_group_once(), 1, "a process that the group lists is counted");
  usleep(1000);
  check_number(waitpid(bystander, NULL, WNOHANG), 0, "one that is not in the group is not killed");
  config.directory_count = 0;
  unlink(list);
  rmdir(folder);
  check_number(kill_descendants(), 1, "children are killed and reaped");
  check_number(waitpid(bystander, NULL, WNOHANG), -1, "none is left");
}

void test_group(void)
{
  test_kill_group();
}
