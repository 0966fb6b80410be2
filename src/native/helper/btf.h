/*
 * BTF: how a kernel or a BPF object describes its types (linux/btf.h, Documentation/bpf/btf.rst).  Types are numbered
 * from 1; 0 is `void`, and here also means "none".
 */
#ifndef KMEM_HELPER_BTF_H
#define KMEM_HELPER_BTF_H

#include <linux/btf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct btf {
  const char *strings, *types;
  uint32_t strings_size, count; /* count: the highest number + 1 */
  uint32_t *at;                 /* by number: offset of the type in `types` */
};

/* A type to find by name; `id` is the result. */
struct btf_name {
  char name[64];
  uint16_t kinds; /* one bit for each accepted kind */
  uint32_t id;
};

/* Points into `data`.  False if it is not BTF. */
bool parse_btf(struct btf *btf, const void *data, size_t size);

/*
 * The running kernel's BTF; read once.  NULL with errno if it has none (CONFIG_DEBUG_INFO_BTF) or it is not readable.
 */
const struct btf *kernel_btf(void);
void forget_kernel_btf(void);

/* NULL if there is none. */
const struct btf_type *btf_type(const struct btf *btf, uint32_t id);
const char *btf_string(const struct btf *btf, uint32_t at);

/* Resolves typedef, const and the like. */
uint32_t btf_plain(const struct btf *btf, uint32_t id);

/* Size in bytes; 0 if none. */
uint64_t btf_size(const struct btf *btf, uint32_t id);

/* Finds all names in one pass, which takes milliseconds; if several types share a name, the first. */
void find_names(const struct btf *btf, struct btf_name *names, int count);

#endif
