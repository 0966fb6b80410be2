/* The BPF objects of src/native/bpf, as compiled and committed: part of the helper's file. */
#ifndef KMEM_HELPER_EMBEDDED_H
#define KMEM_HELPER_EMBEDDED_H

#include "object.h"

extern const struct image refusals_image, watch_image, profile_image;

#endif
