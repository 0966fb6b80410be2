#include "fail.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "../common/event.h"
#include "names.h"
#include "outbox.h"
#include "ports.h"

/* For a failure that has already happened and only needs reporting. */
enum { PORTS_DEADLINE_FAILED_MS = 3000 };

_Noreturn void power_off(void)
{
  reboot(RB_POWER_OFF);
  reboot(RB_AUTOBOOT); /* this makes QEMU exit, too */
  for (;;)
    pause();
}

/*
 * Reports the failure to the console and, if possible, to the host, and powers off the machine.  `detail` may be NULL.
 * A blocking write to a port returns when the host's side has received it.
 */
_Noreturn void fail(const char *what, int error, const char *detail)
{
  dprintf(STDERR_FILENO, "kmem-agent: %s: %s%s%s\n", what, strerror(error), detail ? ": " : "", detail ? detail : "");
  if (port_fd[CONTROL] >= 0 || open_ports(CONTROL + 1, PORTS_DEADLINE_FAILED_MS) < 0) {
    char shown[1024];
    snprintf(shown, sizeof shown, "%s", detail ? detail : "");
    fcntl(port_fd[CONTROL], F_SETFL, 0);
    event("setup-error");
    field_string("what", what);
    field_string("errno", errno_name(error));
    field_string("detail", detail ? shown : NULL);
    event_end();
  }
  power_off();
}
