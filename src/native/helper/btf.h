/*
 * BTF: how a kernel or a BPF object describes its types (linux/btf.h, Documentation/bpf/btf.rst).  Types are known by
 * their number, from 1 on; 0 is `void`, and here also "there is none".
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
  uint32_t *at;                 /* by number: where the type is in `types` */
};

/* A type that is looked for by name; `id` is what was found. */
struct btf_name {
  char name[64];
  uint16_t kinds; /* a bit for each kind that it may be of */
  uint32_t id;
};

/* Points into `data`.  False: it is no BTF. */
bool parse_btf(struct btf *btf, const void *data, size_t size);

/* The running kernel's; read once.  NULL with errno: it has none (CONFIG_DEBUG_INFO_BTF), or it may not be read. */
const struct btf *kernel_btf(void);
void forget_kernel_btf(void);

/* NULL where there is none. */
const struct btf_type *btf_type(const struct btf *btf, uint32_t id);
const char *btf_string(const struct btf *btf, uint32_t at);

/* Through typedef, const and the like. */
uint32_t btf_plain(const struct btf *btf, uint32_t id);

/* In bytes; 0: it has none. */
uint64_t btf_size(const struct btf *btf, uint32_t id);

/* All of them in one pass, which takes milliseconds; of several with one name, the first. */
void find_names(const struct btf *btf, struct btf_name *names, int count);

#endif
