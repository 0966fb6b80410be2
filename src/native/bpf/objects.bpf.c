/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * On kernels that let no program answer for the allocator: refuses the objects that calls make most often, through the
 * functions by which the kernel asks its security modules.  Any program may answer for those whose names begin with
 * security_, with or without "bpf" in lsm=.  The gate remains for calls that ask none of them (src/gate/hooked.ts).
 *
 *   file_made     open, pipe, socket, eventfd …: each open file
 *   inode_made    what has an inode: a pipe, a socket, a file that is created
 *   socket_made   a socket's own structure
 *   area_mapped   mmap
 *
 * The object itself is charged by then: the usage includes it.  What is still to come is less than a page, apart from a
 * larger table of descriptors, which the kernel makes before it asks: the file that fills the table is refused unless
 * there is room for the next one.
 */
#include "refuse.h"

/* Bytes of the table that the next descriptor needs, if this one is the last that fits (fs/file.c, alloc_fdtable). */
static __always_inline __u64 next_table(void)
{
  struct task_struct *task = (void *)bpf_get_current_task();
  struct files_struct *files = BPF_CORE_READ(task, files);
  struct fdtable *table = BPF_CORE_READ(files, fdt);
  __u64 size = BPF_CORE_READ(table, max_fds), next = BPF_CORE_READ(files, next_fd);
  if (next + 1 < size)
    return 0;
  return 2 * size * (sizeof(void *) + 1);
}

static __always_inline int answer_for(void *context, __u64 need)
{
  return is_to_refuse(context, need, 0, HOOKED) ? -ENOMEM : 0;
}

/* Their arguments differ between versions of the kernel, and none is needed. */
SEC("fmod_ret/security_file_alloc")
int file_made(void *context)
{
  return is_trial(TRY_FILE) ? -ENOMEM : answer_for(context, PAGE_BYTES + next_table());
}

SEC("fmod_ret/security_inode_alloc")
int inode_made(void *context)
{
  return is_trial(TRY_INODE) ? -ENOMEM : answer_for(context, PAGE_BYTES);
}

SEC("fmod_ret/security_sk_alloc")
int socket_made(void *context)
{
  return is_trial(TRY_SOCKET) ? -ENOMEM : answer_for(context, PAGE_BYTES);
}

SEC("fmod_ret/security_mmap_file")
int area_mapped(void *context)
{
  return is_trial(TRY_AREA) ? -ENOMEM : answer_for(context, PAGE_BYTES);
}
