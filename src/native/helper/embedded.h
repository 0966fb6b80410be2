/* The BPF objects of src/native/bpf, as compiled and committed: part of the helper's file. */
#ifndef KMEM_HELPER_EMBEDDED_H
#define KMEM_HELPER_EMBEDDED_H

extern const char refusals_object[], refusals_object_end[];
extern const char watch_object[], watch_object_end[];

#endif
