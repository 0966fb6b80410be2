/* The root that the program sees: the host's under an overlay, with a system's usual mounts below it. */
#ifndef KMEM_AGENT_ROOT_H
#define KMEM_AGENT_ROOT_H

void setup_first_mounts(void);
void setup_lower(void);
void setup_overlay(void);

/* Like switch_root(8): the kernel's root file system cannot be unmounted, only covered by a move. */
void setup_root(void);

void setup_dev(void);
void setup_run(void);

/* The overlay shows the host's /tmp: the command's working directory may be there. */
void setup_tmp(void);

/* The kernel gives lo its addresses when it comes up. */
void setup_loopback(void);

void setup_self(void);

#endif
