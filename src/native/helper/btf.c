#include "btf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "../common/memory.h"

/* What follows a type in the kernel's description of itself (linux/btf.h), in bytes. */
static size_t btf_extra(uint32_t info)
{
  size_t entries = BTF_INFO_VLEN(info);
  switch (BTF_INFO_KIND(info)) {
  case BTF_KIND_INT:
  case BTF_KIND_VAR:
  case 17: /* DECL_TAG */ return 4;
  case BTF_KIND_ARRAY:
  case BTF_KIND_STRUCT:
  case BTF_KIND_UNION:
  case BTF_KIND_DATASEC:
  case 19: /* ENUM64 */ return (BTF_INFO_KIND(info) == BTF_KIND_ARRAY ? 1 : entries) * 12;
  case BTF_KIND_ENUM:
  case BTF_KIND_FUNC_PROTO: return entries * 8;
  default: return 0;
  }
}

/* The function that charges kernel memory and can refuse, through the versions that enforce a limit. */
static const char *const charge_functions[] = {"__memcg_kmem_charge", "obj_cgroup_charge_pages"};

static bool find_function(const char *btf, size_t size, const char *name, struct kernel_function *found)
{
  const struct btf_header *header = (const void *)btf;
  if (size < sizeof *header || header->magic != BTF_MAGIC)
    return false;
  const char *types = btf + header->hdr_len + header->type_off, *end = types + header->type_len;
  const char *strings = btf + header->hdr_len + header->str_off;
  *found = (struct kernel_function){0};
  /* A function is described after its prototype or before it: a second round finds the latter. */
  for (int round = 0; round < 2; round++) {
    uint32_t id = 1;
    const struct btf_type *t;
    for (const char *p = types; p + sizeof *t <= end; p += sizeof *t + btf_extra(t->info), id++) {
      t = (const void *)p;
      if (round == 0 && BTF_INFO_KIND(t->info) == BTF_KIND_FUNC && !strcmp(strings + t->name_off, name))
        *found = (struct kernel_function){.id = id, .prototype = t->type, .arguments = -1};
      else if (round == 1 && id == found->prototype)
        found->arguments = (int)BTF_INFO_VLEN(t->info);
    }
  }
  return found->arguments > 0;
}

bool find_charge_function(struct kernel_function *found)
{
  int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) < 0)
    return false;
  size_t size = (size_t)status.st_size, used = 0;
  char *btf = must(malloc(size + 1));
  for (ssize_t n; used < size && (n = read(fd, btf + used, size - used)) > 0;)
    used += (size_t)n;
  close(fd);
  btf[used] = '\0';
  bool there = false;
  for (unsigned i = 0; !there && i < sizeof charge_functions / sizeof *charge_functions; i++)
    there = find_function(btf, used, charge_functions[i], found);
  free(btf);
  errno = ENOENT;
  return there;
}
