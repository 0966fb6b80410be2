/* Powers off the machine. */
#ifndef KMEM_AGENT_FAIL_H
#define KMEM_AGENT_FAIL_H

_Noreturn void power_off(void);
_Noreturn void fail(const char *what, int error, const char *detail);

#endif
