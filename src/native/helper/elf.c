#include "elf.h"

#include <stdlib.h>
#include <string.h>

const Elf64_Shdr *section_at(const char *image, size_t index)
{
  const Elf64_Ehdr *header = (const void *)image;
  return (const Elf64_Shdr *)(const void *)(image + header->e_shoff) + index;
}

size_t section_count(const char *image)
{
  return ((const Elf64_Ehdr *)(const void *)image)->e_shnum;
}

const char *section_name(const char *image, const Elf64_Shdr *section)
{
  const Elf64_Ehdr *header = (const void *)image;
  return image + section_at(image, header->e_shstrndx)->sh_offset + section->sh_name;
}

const Elf64_Shdr *find_section(const char *image, const char *name)
{
  for (size_t i = 1; i < section_count(image); i++)
    if (!strcmp(section_name(image, section_at(image, i)), name))
      return section_at(image, i);
  return NULL;
}

const Elf64_Shdr *symbols_of(const char *image)
{
  for (size_t i = 1; i < section_count(image); i++)
    if (section_at(image, i)->sh_type == SHT_SYMTAB)
      return section_at(image, i);
  abort(); /* our objects always have symbols */
}

const char *symbol_name(const char *image, const Elf64_Sym *symbol)
{
  return image + section_at(image, symbols_of(image)->sh_link)->sh_offset + symbol->st_name;
}

const Elf64_Sym *find_symbol(const char *image, const char *name)
{
  const Elf64_Shdr *table = symbols_of(image);
  const Elf64_Sym *symbol = (const void *)(image + table->sh_offset);
  for (size_t i = 0; i < table->sh_size / sizeof *symbol; i++)
    if (!strcmp(symbol_name(image, &symbol[i]), name))
      return &symbol[i];
  return NULL;
}
