/* The kernel's description of itself (linux/btf.h). */
#ifndef KMEM_HELPER_BTF_H
#define KMEM_HELPER_BTF_H

#include <stdbool.h>
#include <stdint.h>

struct kernel_function {
  uint32_t id, prototype;
  int arguments;
};

bool find_charge_function(struct kernel_function *found);

#endif
