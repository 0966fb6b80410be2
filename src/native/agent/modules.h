/* The kernel's modules, from the initramfs. */
#ifndef KMEM_AGENT_MODULES_H
#define KMEM_AGENT_MODULES_H

/* The others are loaded even when one fails: the control port may be among them. */
void setup_modules(void);

/* One that could not be loaded ends the machine, when the host can be told. */
void check_modules(void);

#endif
