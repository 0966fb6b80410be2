/*
 * One gated call: the kernel's notification, the call of the policy, the listener to answer, and the step that the call
 * comes from.  notify passes it to everything that decides, describes and records.
 */
#ifndef KMEM_HELPER_REQUEST_H
#define KMEM_HELPER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy.h"
#include "seccomp.h"
#include "steps.h"

struct request {
  const struct seccomp_notif *notification;
  const struct call *call;
  int listener, step;
  bool table_denied; /* by the last decision: no room for a larger descriptor table */
  int64_t need;      /* bytes; if the last decision was a denial: the need that had no room, */
  int64_t room;      /* and the room left below the limit, including the reserve */
  int64_t charges;   /* by the last decision: bytes that the call charges at once, or 0: at most a page */
  bool makes_child;  /* by the last decision: a process, whose first page faults `charges` omits */
  int64_t later; /* by the last decision: bytes that a fork's child charges by page faults, beyond a small child's */
};

/* As large as this kernel requires. */
struct notification_buffers {
  struct seccomp_notif *notification;
  struct seccomp_notif_resp *response;
  size_t notification_size;
};

static inline pid_t tid_of(const struct request *r)
{
  return (pid_t)r->notification->pid;
}

static inline const uint64_t *args_of(const struct request *r)
{
  return (const uint64_t *)r->notification->data.args;
}

struct notification_buffers allocate_notification(void);

#endif
