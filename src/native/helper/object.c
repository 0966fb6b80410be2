#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "../common/memory.h"
#include "bpf.h"
#include "elf.h"

static struct object_map *map_of(struct object *o, const char *name)
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

static bool is_made(struct object_map *map)
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

/* The verifier knows the values of constants, and skips unreachable code. */
static bool make_constants(struct object *o)
{
  static const char name[] = ".rodata";
  const Elf64_Shdr *section = find_section(o->object.image, name);
  if (section == NULL || section->sh_size == 0)
    return true;
  uint32_t size = (uint32_t)section->sh_size;
  int fd = make_map(BPF_MAP_TYPE_ARRAY, 4, size, 1, BPF_F_RDONLY_PROG);
  if (fd < 0)
    return false;
  char *data = must(malloc(size));
  memcpy(data, o->object.image + section->sh_offset, size);
  o->map[o->map_count++] = (struct object_map){.name = name, .fd = fd, .data = data, .size = size, .constant = true};
  return true;
}

static bool freeze_constants(struct object *o)
{
  uint32_t first = 0;
  for (int i = 0; i < o->map_count; i++) {
    struct object_map *map = &o->map[i];
    if (!map->constant || map->frozen)
      continue;
    map->frozen = set_entry(map->fd, &first, map->data) && freeze_map(map->fd);
    if (!map->frozen)
      return false;
  }
  return true;
}

/* Variables are one map with a single value, which both sides have mapped. */
static bool make_variables(struct object *o, const char *name)
{
  const Elf64_Shdr *section = find_section(o->object.image, name);
  if (section == NULL || section->sh_size == 0)
    return true;
  int fd = make_map(BPF_MAP_TYPE_ARRAY, 4, (uint32_t)section->sh_size, 1, BPF_F_MMAPABLE);
  if (fd < 0)
    return false;
  size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (section->sh_size + page - 1) & ~(page - 1);
  char *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  o->map[o->map_count++] = (struct object_map){.name = name, .fd = fd, .data = data == MAP_FAILED ? NULL : data};
  if (data == MAP_FAILED)
    return false;
  if (section->sh_type != SHT_NOBITS)
    memcpy(data, o->object.image + section->sh_offset, section->sh_size);
  return true;
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

bool open_object(struct object *o, const char *image, size_t size)
{
  *o = (struct object){.object.image = image};
  const Elf64_Shdr *types;
  if (size < sizeof(Elf64_Ehdr) || memcmp(image, ELFMAG, SELFMAG) != 0 ||
      (types = find_section(o->object.image, ".BTF")) == NULL ||
      !parse_btf(&o->object.types, image + types->sh_offset, types->sh_size))
    bad_object("no types");
  find_programs(o);
  describe_maps(o);
  if (make_variables(o, ".bss") && make_variables(o, ".data") && make_constants(o)) {
    for (int i = 0; i < o->program_count; i++)
      note_names(&o->object, o->program[i].section);
    return true;
  }
  int saved = errno;
  close_object(o);
  errno = saved;
  return false;
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
  struct object_map *map = map_of(o, name);
  if (map == NULL)
    bad_object(name);
  return is_made(map) ? map->fd : -1;
}

bool share_map(struct object *o, const char *name, int given)
{
  struct object_map *map = map_of(o, name);
  if (map == NULL || map->fd >= 0)
    bad_object(name);
  map->fd = fcntl(given, F_DUPFD_CLOEXEC, 0);
  return map->fd >= 0;
}

void *object_variable(const struct object *o, const char *name)
{
  const Elf64_Sym *symbol = find_symbol(o->object.image, name);
  if (symbol == NULL)
    bad_object(name);
  const char *section = section_name(o->object.image, section_at(o->object.image, symbol->st_shndx));
  const struct object_map *map = map_of((struct object *)(uintptr_t)o, section);
  if (map == NULL || map->data == NULL)
    bad_object(name);
  return map->data + symbol->st_value;
}

static struct object_program *program_of(const struct object *o, const char *section)
{
  for (int i = 0; i < o->program_count; i++)
    if (!strcmp(o->program[i].section, section))
      return (struct object_program *)(uintptr_t)&o->program[i];
  bad_object(section);
}

/* Inserts the maps' descriptors where the code refers to maps and variables. */
static bool link_maps(struct object *o, const Elf64_Shdr *section, struct bpf_insn *code)
{
  char name[128];
  snprintf(name, sizeof name, ".rel%s", section_name(o->object.image, section));
  const Elf64_Shdr *table = find_section(o->object.image, name);
  if (table == NULL)
    return true;
  const Elf64_Rel *place = (const void *)(o->object.image + table->sh_offset);
  const Elf64_Sym *symbols = (const void *)(o->object.image + symbols_of(o->object.image)->sh_offset);
  for (size_t i = 0; i < table->sh_size / sizeof *place; i++) {
    const Elf64_Sym *symbol = &symbols[ELF64_R_SYM(place[i].r_info)];
    struct bpf_insn *at = &code[place[i].r_offset / sizeof *code];
    const char *holder = section_name(o->object.image, section_at(o->object.image, symbol->st_shndx));
    bool described = !strcmp(holder, ".maps");
    struct object_map *map = map_of(o, described ? symbol_name(o->object.image, symbol) : holder);
    if (map == NULL || at->code != (BPF_LD | BPF_DW | BPF_IMM))
      bad_object(name);
    if (!is_made(map))
      return false;
    at->src_reg = described ? BPF_PSEUDO_MAP_FD : BPF_PSEUDO_MAP_VALUE;
    if (!described)
      at[1].imm = at->imm + (int32_t)symbol->st_value;
    at->imm = map->fd;
  }
  return true;
}

/* "kmem_" and the attach target. */
static void name_program(const char *section, char *name, size_t size)
{
  const char *tracepoint = strchr(section, '/');
  snprintf(name, size, "kmem_%s", tracepoint ? tracepoint + 1 : section);
}

int load_object_program(struct object *o, const char *name, uint32_t function)
{
  return load_with_log(o, name, function, NULL, 0);
}

int load_with_log(struct object *o, const char *name, uint32_t function, char *log, uint32_t size)
{
  struct object_program *program = program_of(o, name);
  const Elf64_Shdr *section = find_section(o->object.image, name);
  struct bpf_insn *code = must(malloc(section->sh_size));
  memcpy(code, o->object.image + section->sh_offset, section->sh_size);
  char short_name[BPF_OBJ_NAME_LEN];
  name_program(name, short_name, sizeof short_name);
  struct program_text text = {.name = short_name,
                              .type = BPF_PROG_TYPE_TRACING,
                              .attach_type = BPF_TRACE_RAW_TP,
                              .function = function,
                              .code = code,
                              .log = log,
                              .log_size = size,
                              .length = (uint32_t)(section->sh_size / sizeof *code)};
  if (function)
    text.attach_type = BPF_TRACE_FEXIT;
  else if (tracepoint_of(name, "fmod_ret"))
    text.attach_type = BPF_MODIFY_RETURN;
  else if (!tracepoint_of(name, "tp_btf"))
    text.type = tracepoint_of(name, "raw_tp") ? BPF_PROG_TYPE_RAW_TRACEPOINT : BPF_PROG_TYPE_SYSCALL,
    text.attach_type = 0;
  if (link_maps(o, section, code) && freeze_constants(o) &&
      fit_to_kernel(&o->object, name, code, text.length, &text.function))
    program->fd = load_program(&text);
  int saved = errno;
  free(code);
  errno = saved;
  return program->fd;
}

bool attach_object_program(struct object *o, const char *section)
{
  struct object_program *program = program_of(o, section);
  program->link = attach_program(program->fd, tracepoint_of(section, "raw_tp"));
  return program->link >= 0;
}

bool attach_also(struct object *o, const char *section, uint32_t function)
{
  struct object_program *first = program_of(o, section), attached = *first;
  if (o->program_count == MAX_PROGRAMS) {
    errno = E2BIG;
    return false;
  }
  first->fd = first->link = -1;
  bool done = load_object_program(o, section, function) >= 0 && attach_object_program(o, section);
  o->program[o->program_count++] = *first;
  *first = attached;
  return done;
}

int program_link(const struct object *o, const char *section)
{
  return program_of(o, section)->link;
}

uint64_t object_misses(const struct object *o)
{
  uint64_t misses = 0;
  for (int i = 0; i < o->program_count; i++)
    if (o->program[i].fd >= 0)
      misses += missed_by(o->program[i].fd);
  return misses;
}
