#include "object_load.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/memory.h"
#include "bpf.h"
#include "elf.h"

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
    struct object_map *map = find_map(o, described ? symbol_name(o->object.image, symbol) : holder);
    if (map == NULL || at->code != (BPF_LD | BPF_DW | BPF_IMM))
      bad_object(name);
    if (!is_map_made(map))
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
  if (program->fd >= 0)
    return program->fd;
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
  if (program->link >= 0)
    return true;
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
