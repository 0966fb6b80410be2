/* Guest-wide settings of the configuration: clock, name, cgroups, shared folders. */
#ifndef KMEM_AGENT_SETTINGS_H
#define KMEM_AGENT_SETTINGS_H

void setup_clock(void);
void setup_random(void);
void setup_hostname(void);

/* Mounts each v1 controller of the kernel in its own directory, and the unified hierarchy beside them. */
void setup_cgroups(void);

/* cache=mmap: written data is on the host when write(2) returns, and shared mappings work. */
void setup_shares(void);

void sync_shares(void);

/* In reverse: one may be inside another. */
void release_shares(const char *root);

#endif
