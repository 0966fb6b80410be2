/* What the configuration asks of the guest as a whole: clock, name, cgroups, shared folders. */
#ifndef KMEM_AGENT_SETTINGS_H
#define KMEM_AGENT_SETTINGS_H

void setup_clock(void);
void setup_hostname(void);

/* Each controller that the kernel has for v1 in a directory of its own, and the unified hierarchy beside them. */
void setup_cgroups(void);

/* cache=mmap: what is written is on the host when write(2) returns, and shared mappings work. */
void setup_shares(void);

void sync_shares(void);

/* In reverse: one may be inside another. */
void release_shares(const char *root);

#endif
