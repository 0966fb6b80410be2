/* Directories and file systems that the guest requires: if one cannot be created, the machine is powered off. */
#ifndef KMEM_AGENT_MOUNTS_H
#define KMEM_AGENT_MOUNTS_H

#include <sys/stat.h>

#define NINEP "trans=virtio,version=9p2000.L,msize=512000"

void make_directory(const char *path, mode_t mode);
void mount_or_fail(const char *what, const char *type, const char *source, const char *target, unsigned long flags,
                   const char *options);

/* Not every kernel has it, and nothing here depends on it. */
void try_mount(const char *type, const char *target, unsigned long flags, const char *options);

void move_to(const char *from, const char *to);
void make_parents(const char *path);

#endif
