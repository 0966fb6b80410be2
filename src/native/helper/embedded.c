#include "embedded.h"

/* The build names the folder (bin/compile-native.js). */
#define EMBED(name)                                                                                        \
  __asm__(".pushsection .rodata\n.balign 8\n.global " #name "_object\n" #name "_object:\n.incbin \"" #name \
          ".bpf.o\"\n.global " #name "_object_end\n" #name "_object_end:\n.byte 0\n.popsection\n")

EMBED(refusals);
EMBED(watch);
EMBED(profile);

extern const char refusals_object[], refusals_object_end[], watch_object[], watch_object_end[], profile_object[],
    profile_object_end[];

const struct image refusals_image = {"refusals", refusals_object, refusals_object_end};
const struct image watch_image = {"watch", watch_object, watch_object_end};
const struct image profile_image = {"profile", profile_object, profile_object_end};
