#include "btf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "../common/memory.h"

/* Kinds that are newer than the headers of some build systems. */
enum { KIND_DECL_TAG = 17, KIND_TYPE_TAG = 18, KIND_ENUM64 = 19 };

/* Bytes that follow a type's entry. */
static size_t extra_of(uint32_t info)
{
  size_t entries = BTF_INFO_VLEN(info);
  switch (BTF_INFO_KIND(info)) {
  case BTF_KIND_INT:
  case BTF_KIND_VAR:
  case KIND_DECL_TAG: return 4;
  case BTF_KIND_ARRAY: return sizeof(struct btf_array);
  case BTF_KIND_STRUCT:
  case BTF_KIND_UNION:
  case BTF_KIND_DATASEC:
  case KIND_ENUM64: return entries * 12;
  case BTF_KIND_ENUM:
  case BTF_KIND_FUNC_PROTO: return entries * 8;
  default: return 0;
  }
}

bool parse_btf(struct btf *btf, const void *data, size_t size)
{
  const struct btf_header *header = data;
  if (size < sizeof *header || header->magic != BTF_MAGIC)
    return false;
  uint64_t types_end = (uint64_t)header->hdr_len + header->type_off + header->type_len;
  uint64_t strings_end = (uint64_t)header->hdr_len + header->str_off + header->str_len;
  if (types_end > size || strings_end > size || header->str_len == 0 || (header->hdr_len + header->type_off) % 4 != 0)
    return false;
  *btf = (struct btf){.types = (const char *)data + header->hdr_len + header->type_off,
                      .strings = (const char *)data + header->hdr_len + header->str_off,
                      .strings_size = header->str_len,
                      .count = 1};
  if (btf->strings[btf->strings_size - 1] != '\0')
    return false;
  uint32_t room = header->type_len / sizeof(struct btf_type) + 1;
  btf->at = must(malloc(room * sizeof *btf->at));
  for (uint32_t at = 0; at + sizeof(struct btf_type) <= header->type_len;) {
    const struct btf_type *t = (const void *)(btf->types + at);
    size_t whole = sizeof *t + extra_of(t->info);
    if (whole > header->type_len - at)
      break; /* truncated: this and later types are missing */
    btf->at[btf->count++] = at;
    at += (uint32_t)whole;
  }
  return true;
}

static const char btf_file[] = "/sys/kernel/btf/vmlinux";

static char *read_whole(int fd, size_t size)
{
  char *text = must(malloc(size));
  size_t used = 0;
  for (ssize_t n; used < size && (n = read(fd, text + used, size - used)) > 0;)
    used += (size_t)n;
  return text;
}

static struct {
  struct btf btf;
  void *mapped, *read;
  size_t size;
} kernel;

const struct btf *kernel_btf(void)
{
  if (kernel.btf.types != NULL)
    return &kernel.btf;
  int fd = open(btf_file, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0)
    return NULL;
  if (fstat(fd, &status) < 0) {
    close(fd);
    return NULL;
  }
  kernel.size = (size_t)status.st_size;
  /* From 6.16 on it can be mapped, which saves the copy. */
  kernel.mapped = mmap(NULL, kernel.size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (kernel.mapped == MAP_FAILED) {
    kernel.mapped = NULL;
    kernel.read = read_whole(fd, kernel.size);
  }
  close(fd);
  if (parse_btf(&kernel.btf, kernel.mapped ? kernel.mapped : kernel.read, kernel.size))
    return &kernel.btf;
  forget_kernel_btf();
  errno = EINVAL;
  return NULL;
}

void forget_kernel_btf(void)
{
  if (kernel.mapped)
    munmap(kernel.mapped, kernel.size);
  free(kernel.read);
  free(kernel.btf.at);
  memset(&kernel, 0, sizeof kernel);
}

const struct btf_type *btf_type(const struct btf *btf, uint32_t id)
{
  return id == 0 || id >= btf->count ? NULL : (const void *)(btf->types + btf->at[id]);
}

const char *btf_string(const struct btf *btf, uint32_t at)
{
  return at < btf->strings_size ? btf->strings + at : "";
}

uint32_t btf_plain(const struct btf *btf, uint32_t id)
{
  for (int i = 0; i < 64; i++) {
    const struct btf_type *t = btf_type(btf, id);
    if (t == NULL)
      return 0;
    switch (BTF_INFO_KIND(t->info)) {
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_CONST:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_RESTRICT:
    case KIND_TYPE_TAG: id = t->type; break;
    default: return id;
    }
  }
  return 0;
}

uint64_t btf_size(const struct btf *btf, uint32_t id)
{
  uint64_t times = 1;
  for (int i = 0; i < 64; i++) {
    const struct btf_type *t = btf_type(btf, id = btf_plain(btf, id));
    if (t == NULL)
      return 0;
    switch (BTF_INFO_KIND(t->info)) {
    case BTF_KIND_PTR: return times * 8;
    case BTF_KIND_INT:
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
    case BTF_KIND_ENUM:
    case KIND_ENUM64: return times * t->size;
    case BTF_KIND_ARRAY: {
      const struct btf_array *array = (const void *)(t + 1);
      times *= array->nelems;
      id = array->type;
      break;
    }
    default: return 0;
    }
  }
  return 0;
}

void find_names(const struct btf *btf, struct btf_name *names, int count)
{
  /* Few names begin like one of ours: the first letter and the kind rule out most. */
  uint16_t kinds_by_letter[256] = {0};
  for (int i = 0; i < count; i++) {
    names[i].id = 0;
    kinds_by_letter[(unsigned char)names[i].name[0]] |= names[i].kinds;
  }
  for (uint32_t id = 1; id < btf->count; id++) {
    const struct btf_type *t = (const void *)(btf->types + btf->at[id]);
    unsigned kind = 1u << BTF_INFO_KIND(t->info);
    const char *name = btf_string(btf, t->name_off);
    if (!(kinds_by_letter[(unsigned char)name[0]] & kind))
      continue;
    for (int i = 0; i < count; i++)
      if (names[i].id == 0 && (names[i].kinds & kind) && !strcmp(names[i].name, name))
        names[i].id = id;
  }
}
