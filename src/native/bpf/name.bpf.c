/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Names of the kernel's functions: nobody else may read its symbol table without reading all of it. */
#include "kernel.h"
#include "shared.h"

struct symbol symbol;

SEC("syscall/name")
int name(void *context)
{
  static const char format[] = "%ps";
  __u64 address = symbol.address;
  return bpf_snprintf(symbol.name, sizeof symbol.name, format, &address, sizeof address) < 0;
}
