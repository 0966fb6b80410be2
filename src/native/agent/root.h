/* The root that the program sees: the host's under an overlay, with a system's usual mounts below it. */
#ifndef KMEM_AGENT_ROOT_H
#define KMEM_AGENT_ROOT_H

#include <stdbool.h>

/* The kernel's, out of sight below the guest's: its folders hold what overlays are made of.  Written by root.c only. */
extern int first_root;

/* The guest's own root consists of what was fetched, and the host's is mounted for each run only. */
extern bool contained;

void setup_first_mounts(void);
void setup_lower(void);

/* `serves`: the program will be the runner, which requires only what was fetched. */
void setup_overlay(bool serves);

/* When all is fetched: a contained guest has nothing of the host's mounted then. */
void release_lower(void);

/* Like switch_root(8): the kernel's root file system cannot be unmounted, only covered by a move. */
void setup_root(void);

void setup_dev(void);
void setup_run(void);

/* Those that the configuration names: the folders in the host's /run. */
void setup_run_directories(void);

/* The overlay shows the host's /tmp: the command's working directory may be there. */
void setup_tmp(void);

/* The kernel gives lo its addresses when it comes up. */
void setup_loopback(void);
bool raise_loopback(void);

void setup_self(void);

#endif
