/* The kernel's modules, from the initramfs. */
#ifndef KMEM_AGENT_MODULES_H
#define KMEM_AGENT_MODULES_H

/* The others are loaded even if one fails: the control port may be among them. */
void setup_modules(void);

/* Powers off if a module failed to load, once the host can be told. */
void check_modules(void);

#endif
