/* Sections and symbols of a complete ELF file in memory (elf(5)). */
#ifndef KMEM_HELPER_ELF_H
#define KMEM_HELPER_ELF_H

#include <elf.h>
#include <stddef.h>

const Elf64_Shdr *section_at(const char *image, size_t index);
size_t section_count(const char *image);
const char *section_name(const char *image, const Elf64_Shdr *section);

/* NULL if there is none. */
const Elf64_Shdr *find_section(const char *image, const char *name);
const Elf64_Sym *find_symbol(const char *image, const char *name);

/* The symbol table. */
const Elf64_Shdr *symbols_of(const char *image);
const char *symbol_name(const char *image, const Elf64_Sym *symbol);

#endif
