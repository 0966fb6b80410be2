#include "ports.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/file.h"

enum { PORTS_DEADLINE_MS = 30000 };

static const char *const port_name[PORTS] = {"kmem.control", "kmem.stdin", "kmem.stdout", "kmem.stderr", "kmem.runner"};
int port_fd[PORTS] = {-1, -1, -1, -1, -1};

/* A port's name appears some time after its device: until then the attribute is missing. */
static void open_present_ports(void)
{
  DIR *directory = opendir("/sys/class/virtio-ports");
  if (directory == NULL)
    return;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char path[300], name[64];
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
    if (entry->d_name[0] == '.' || read_text(path, name, sizeof name) == NULL)
      continue;
    for (int i = 0; i < PORTS; i++) {
      if (port_fd[i] >= 0 || strcmp(port_name[i], name))
        continue;
      snprintf(path, sizeof path, "/dev/%s", entry->d_name);
      /* The runner reads its request with a blocking read; ours must never block. */
      port_fd[i] = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | (i == RUNNER ? 0 : O_NONBLOCK));
    }
  }
  closedir(directory);
}

/* Until the host's side is known to be open, a port looks as if the host had closed it. */
static bool is_connected(int fd)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return fd >= 0 && poll(&p, 1, 0) >= 0 && (p.revents & POLLHUP) == 0;
}

static int first_missing_port(int count)
{
  for (int i = 0; i < count; i++)
    if (!is_connected(port_fd[i]))
      return i;
  return -1;
}

int open_ports(int count, int64_t deadline_ms)
{
  int64_t start = uptime_ms();
  if (access("/sys/class/virtio-ports", F_OK) < 0)
    return 0;
  for (;;) {
    open_present_ports();
    int missing = first_missing_port(count);
    if (missing < 0 || uptime_ms() - start > deadline_ms)
      return missing;
    sleep_ms(1);
  }
}

void close_port(enum port port)
{
  close(port_fd[port]);
  port_fd[port] = -1;
}

const char *setup_ports(void)
{
  int missing = open_ports(PORTS, PORTS_DEADLINE_MS);
  return missing < 0 ? NULL : port_name[missing];
}
