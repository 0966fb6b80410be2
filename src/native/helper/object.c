#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "../common/memory.h"
#include "bpf.h"
#include "elf.h"

#define CONSTANTS ".rodata"

enum { VARIABLES = 2 };

static const char *const variables[VARIABLES] = {".bss", ".data"};

struct object_map *find_map(struct object *o, const char *name)
{
  for (int i = 0; i < o->map_count; i++)
    if (!strcmp(o->map[i].name, name))
      return &o->map[i];
  return NULL;
}

/* A number that is stored as the length of an array in a map's description (bpf_helpers.h, __uint). */
static uint32_t number_of(const struct btf *btf, uint32_t pointer)
{
  const struct btf_type *t = btf_type(btf, pointer), *array = t ? btf_type(btf, t->type) : NULL;
  if (array == NULL || BTF_INFO_KIND(array->info) != BTF_KIND_ARRAY)
    bad_object("a map");
  return ((const struct btf_array *)(array + 1))->nelems;
}

static void describe_map(struct object *o, const struct btf_type *variable)
{
  struct object_map map = {.name = btf_string(&o->object.types, variable->name_off), .fd = -1};
  const struct btf_type *record = btf_type(&o->object.types, btf_plain(&o->object.types, variable->type));
  const struct btf_member *member = (const void *)(record + 1);
  for (uint32_t i = 0; i < BTF_INFO_VLEN(record->info); i++, member++) {
    const char *name = btf_string(&o->object.types, member->name_off);
    if (!strcmp(name, "type"))
      map.type = number_of(&o->object.types, member->type);
    else if (!strcmp(name, "max_entries"))
      map.entries = number_of(&o->object.types, member->type);
    else if (!strcmp(name, "key"))
      map.key_size = (uint32_t)btf_size(&o->object.types, btf_type(&o->object.types, member->type)->type);
    else if (!strcmp(name, "value"))
      map.value_size = (uint32_t)btf_size(&o->object.types, btf_type(&o->object.types, member->type)->type);
    else
      bad_object(name);
  }
  if (o->map_count == MAX_MAPS)
    bad_object("too many maps");
  o->map[o->map_count++] = map;
}

bool is_map_made(struct object_map *map)
{
  if (map->fd < 0)
    map->fd = make_map(map->type, map->key_size, map->value_size, map->entries, 0);
  return map->fd >= 0;
}

static void describe_maps(struct object *o)
{
  struct btf_name section = {.name = ".maps", .kinds = 1u << BTF_KIND_DATASEC};
  find_names(&o->object.types, &section, 1);
  const struct btf_type *t = btf_type(&o->object.types, section.id);
  if (t == NULL)
    return;
  const struct btf_var_secinfo *variable = (const void *)(t + 1);
  for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++)
    describe_map(o, btf_type(&o->object.types, variable[i].type));
}

static const Elf64_Shdr *find_filled(const struct object *o, const char *name)
{
  const Elf64_Shdr *section = find_section(o->object.image, name);
  return section == NULL || section->sh_size == 0 ? NULL : section;
}

/* The verifier knows the values of constants, and skips unreachable code. */
static bool make_constants(struct object *o)
{
  const Elf64_Shdr *section = find_filled(o, CONSTANTS);
  if (section == NULL)
    return true;
  uint32_t size = (uint32_t)section->sh_size;
  int fd = make_map(BPF_MAP_TYPE_ARRAY, 4, size, 1, BPF_F_RDONLY_PROG);
  if (fd < 0)
    return false;
  char *data = must(malloc(size));
  memcpy(data, o->object.image + section->sh_offset, size);
  o->map[o->map_count++] =
      (struct object_map){.name = CONSTANTS, .fd = fd, .data = data, .size = size, .constant = true};
  return true;
}

/* Variables are one map with a single value, which both sides have mapped. */
static bool show_variables(struct object *o, const char *name, int fd)
{
  const Elf64_Shdr *section = find_filled(o, name);
  size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (section->sh_size + page - 1) & ~(page - 1);
  char *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  o->map[o->map_count++] = (struct object_map){.name = name, .fd = fd, .data = data == MAP_FAILED ? NULL : data};
  if (data == MAP_FAILED)
    return false;
  if (section->sh_type == SHT_NOBITS)
    memset(data, 0, section->sh_size);
  else
    memcpy(data, o->object.image + section->sh_offset, section->sh_size);
  return true;
}

static bool make_variables(struct object *o, const char *name)
{
  const Elf64_Shdr *section = find_filled(o, name);
  if (section == NULL)
    return true;
  int fd = make_map(BPF_MAP_TYPE_ARRAY, 4, (uint32_t)section->sh_size, 1, BPF_F_MMAPABLE);
  return fd >= 0 && show_variables(o, name, fd);
}

static void find_programs(struct object *o)
{
  for (size_t i = 1; i < section_count(o->object.image); i++) {
    const Elf64_Shdr *section = section_at(o->object.image, i);
    if (section->sh_type != SHT_PROGBITS || !(section->sh_flags & SHF_EXECINSTR) || section->sh_size == 0)
      continue;
    if (o->program_count == MAX_PROGRAMS)
      bad_object("too many programs");
    o->program[o->program_count++] =
        (struct object_program){.section = section_name(o->object.image, section), .fd = -1, .link = -1};
  }
}

static void read_object(struct object *o, const struct image *given)
{
  const char *image = given->start;
  size_t size = (size_t)(given->end - given->start);
  *o = (struct object){.object = {.name = given->name, .image = image}};
  const Elf64_Shdr *types;
  if (size < sizeof(Elf64_Ehdr) || memcmp(image, ELFMAG, SELFMAG) != 0 ||
      (types = find_section(o->object.image, ".BTF")) == NULL ||
      !parse_btf(&o->object.types, image + types->sh_offset, types->sh_size))
    bad_object("no types");
  find_programs(o);
  describe_maps(o);
}

/* Returns `done`; if that is false, the object is closed, and errno stays. */
static bool finish_opening(struct object *o, bool done)
{
  int saved = errno;
  if (done)
    for (int i = 0; i < o->program_count; i++)
      note_names(&o->object, o->program[i].section);
  else
    close_object(o);
  errno = saved;
  return done;
}

bool open_object(struct object *o, const struct image *image)
{
  read_object(o, image);
  bool made = true;
  for (int i = 0; i < VARIABLES; i++)
    made = made && make_variables(o, variables[i]);
  return finish_opening(o, made && make_constants(o));
}

uint64_t object_misses(const struct object *o)
{
  uint64_t misses = 0;
  for (int i = 0; i < o->program_count; i++)
    if (o->program[i].fd >= 0)
      misses += missed_by(o->program[i].fd);
  return misses > o->missed_before ? misses - o->missed_before : 0;
}

/* "PROCESS:MAP…:PROGRAM:LINK…" */
void describe_loan(const struct object *o, char *text, size_t size)
{
  size_t length = (size_t)snprintf(text, size, "%d", getpid());
  for (int i = 0; i < o->map_count && length < size; i++)
    length += (size_t)snprintf(text + length, size - length, ":%d", o->map[i].fd);
  for (int i = 0; i < o->program_count && length < size; i++)
    length += (size_t)snprintf(text + length, size - length, ":%d:%d", o->program[i].fd, o->program[i].link);
}

struct loan {
  int process; /* its descriptor */
  char *rest;
};

/* The next descriptor of the loan: false if there is one, and it cannot be had. */
static bool take(struct loan *loan, int *fd)
{
  *fd = -1;
  if (*loan->rest != ':') {
    errno = EINVAL;
    return false;
  }
  long number = strtol(loan->rest + 1, &loan->rest, 10);
  if (number >= 0)
    *fd = (int)syscall(SYS_pidfd_getfd, loan->process, (int)number, 0);
  return number < 0 || *fd >= 0;
}

static void empty_table(const struct object_map *map)
{
  char key[64], next[64];
  if (map->fd < 0 || (map->type != BPF_MAP_TYPE_HASH && map->type != BPF_MAP_TYPE_LRU_HASH) ||
      map->key_size > sizeof key)
    return;
  bool more = next_key(map->fd, NULL, key);
  for (uint32_t i = 0; more && i < map->entries; i++) {
    more = next_key(map->fd, key, next);
    delete_entry(map->fd, key);
    memcpy(key, next, sizeof key);
  }
}

static bool borrow_maps(struct object *o, struct loan *loan)
{
  int described = o->map_count, fd;
  uint32_t first = 0;
  for (int i = 0; i < described; i++) {
    if (!take(loan, &o->map[i].fd))
      return false;
    empty_table(&o->map[i]);
  }
  for (int i = 0; i < VARIABLES; i++)
    if (find_filled(o, variables[i]) && (!take(loan, &fd) || !show_variables(o, variables[i], fd)))
      return false;
  const Elf64_Shdr *section = find_filled(o, CONSTANTS);
  if (section == NULL)
    return true;
  if (!take(loan, &fd))
    return false;
  char *data = must(calloc(1, section->sh_size));
  o->map[o->map_count++] = (struct object_map){
      .name = CONSTANTS, .fd = fd, .data = data, .size = (uint32_t)section->sh_size, .constant = true, .frozen = true};
  return get_entry(fd, &first, data);
}

/* The lender may have ended, and its number be that of another user's process. */
static bool is_ours(pid_t pid)
{
  char path[32];
  struct stat status;
  snprintf(path, sizeof path, "/proc/%d", pid);
  errno = EPERM;
  return stat(path, &status) == 0 && status.st_uid == geteuid();
}

bool borrow_object(struct object *o, const struct image *image, const char *words)
{
  struct loan loan = {0};
  pid_t lender = (pid_t)strtol(words, &loan.rest, 10);
  loan.process = (int)syscall(SYS_pidfd_open, lender, 0);
  if (loan.process < 0)
    return false;
  read_object(o, image);
  bool done = is_ours(lender) && borrow_maps(o, &loan);
  for (int i = 0; done && i < o->program_count; i++)
    done = take(&loan, &o->program[i].fd) && take(&loan, &o->program[i].link);
  int saved = errno;
  close(loan.process);
  errno = saved;
  if (done)
    o->missed_before = object_misses(o);
  return finish_opening(o, done);
}

void detach_programs(struct object *o)
{
  for (int i = 0; i < o->program_count; i++) {
    if (o->program[i].link >= 0)
      close(o->program[i].link);
    if (o->program[i].fd >= 0)
      close(o->program[i].fd);
    o->program[i].fd = o->program[i].link = -1;
  }
}

void close_object(struct object *o)
{
  detach_programs(o);
  for (int i = 0; i < o->map_count; i++) {
    if (o->map[i].fd >= 0)
      close(o->map[i].fd);
    o->map[i].fd = -1;
  }
  free(o->object.types.at);
  o->object.types.at = NULL;
}

int object_map(struct object *o, const char *name)
{
  struct object_map *map = find_map(o, name);
  if (map == NULL)
    bad_object(name);
  return is_map_made(map) ? map->fd : -1;
}

bool share_map(struct object *o, const char *name, int given)
{
  struct object_map *map = find_map(o, name);
  if (map == NULL)
    bad_object(name);
  if (map->fd >= 0) {
    errno = EEXIST;
    return false;
  }
  map->fd = fcntl(given, F_DUPFD_CLOEXEC, 0);
  return map->fd >= 0;
}

void *object_variable(const struct object *o, const char *name)
{
  const Elf64_Sym *symbol = find_symbol(o->object.image, name);
  if (symbol == NULL)
    bad_object(name);
  const char *section = section_name(o->object.image, section_at(o->object.image, symbol->st_shndx));
  const struct object_map *map = find_map((struct object *)(uintptr_t)o, section);
  if (map == NULL || map->data == NULL)
    bad_object(name);
  return map->data + symbol->st_value;
}
