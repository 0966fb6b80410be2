#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/file.h"
#include "fail.h"

static char module_failed[300];
static int module_error;

static void load_module(const char *name)
{
  char path[280];
  snprintf(path, sizeof path, "/modules/%s", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if ((fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0) && errno != EEXIST && module_error == 0) {
    module_error = errno;
    snprintf(module_failed, sizeof module_failed, "load the module %s", name);
  }
  if (fd >= 0)
    close(fd);
  unlink(path); /* it would stay in memory */
}

void setup_modules(void)
{
  static char order[16384];
  if (read_text("/modules/order", order, sizeof order) == NULL)
    fail("read the order of the modules", errno, "/modules/order");
  for (char *next = order, *name; (name = strsep(&next, "\n")) != NULL;)
    if (*name)
      load_module(name);
  unlink("/modules/order");
}

void check_modules(void)
{
  if (module_error)
    fail(module_failed, module_error, NULL);
}
