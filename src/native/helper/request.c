#include "request.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/memory.h"

struct notification_buffers allocate_notification(void)
{
  struct seccomp_notif_sizes sizes = {0};
  struct notification_buffers b = {.notification_size = sizeof *b.notification};
  size_t response_size = sizeof *b.response;
  if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0) {
    if (sizes.seccomp_notif > b.notification_size)
      b.notification_size = sizes.seccomp_notif;
    if (sizes.seccomp_notif_resp > response_size)
      response_size = sizes.seccomp_notif_resp;
  }
  b.notification = must(calloc(1, b.notification_size));
  b.response = must(calloc(1, response_size));
  return b;
}
