/* The root that the program sees: the host's, under an overlay, and what a system has below it. */
#ifndef KMEM_AGENT_ROOT_H
#define KMEM_AGENT_ROOT_H

#include <stdbool.h>

/* The kernel's, out of sight below the guest's: its folders hold what overlays are made of.  Written by root.c only. */
extern int first_root;

void setup_first_mounts(void);
void setup_lower(void);
void setup_overlay(void);

/* As switch_root(8): the root file system of the kernel cannot be unmounted, but moved over. */
void setup_root(void);

void setup_dev(void);
void setup_run(void);

/* The overlay shows the host's /tmp: the command's working directory may be there. */
void setup_tmp(void);

/* The kernel gives lo its addresses when it comes up. */
void setup_loopback(void);
bool raise_loopback(void);

void setup_self(void);

#endif
