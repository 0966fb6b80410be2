#include "embedded.h"

/* The build names the folder (bin/compile-native.js). */
#define EMBED(name)                                                                                        \
  __asm__(".pushsection .rodata\n.balign 8\n.global " #name "_object\n" #name "_object:\n.incbin \"" #name \
          ".bpf.o\"\n.global " #name "_object_end\n" #name "_object_end:\n.byte 0\n.popsection\n")

EMBED(refusals);
EMBED(watch);
