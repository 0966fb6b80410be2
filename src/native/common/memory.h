/* Aborts if an allocation failed: these programs cannot continue without the little memory that they need. */
#ifndef KMEM_COMMON_MEMORY_H
#define KMEM_COMMON_MEMORY_H

void *must(void *memory);

#endif
