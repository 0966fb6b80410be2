/*
 * The parts of the kernel's own types that the programs use: only the fields that are read.  The offset of a field in
 * the running kernel is found when a program is loaded (CO-RE: src/native/helper/relocate.h).  A name that ends in
 * ___WORD is another version of the type named before the underscores.
 */
#ifndef KMEM_BPF_KERNEL_H
#define KMEM_BPF_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Unrolled, the programs would be several times as large. */
#define LOOP _Pragma("clang loop unroll(disable)")

#define PAGE_BYTES 4096ull

/* include/linux/gfp.h: the same bit from 5.10 to 6.18.  A trial confirms it (watch.bpf.c, `learn`). */
#define GFP_ACCOUNT (1u << 22)

/* include/linux/gfp_types.h: the same bit from 5.10 to 6.10, the last that allows refusing an allocation. */
#define GFP_NOFAIL (1u << 15)

/* include/linux/sched.h: the same bits from 5.10 to 6.18. */
#define PF_EXITING 0x00000004
#define PF_IO_WORKER 0x00000010 /* from 5.12 on */
#define PF_SIGNALED 0x00000400
#define PF_KTHREAD 0x00200000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
  __u64 id;
};

struct cgroup_subsys_state {
  struct cgroup *cgroup;
  struct cgroup_subsys_state *parent;
};

struct cgroup_root {
  int hierarchy_id;
};

struct cgroup {
  struct kernfs_node *kn;
  struct cgroup_root *root;
  int level;
};

/* From 6.1 on the ancestors by level; before, their ids. */
struct cgroup___pointers {
  struct cgroup *ancestors[1];
};
struct cgroup___ids {
  __u64 ancestor_ids[1];
};

struct css_set {
  struct cgroup_subsys_state *subsys[1];
};

struct task_struct {
  int pid, tgid;
  unsigned int flags;
  void *mm, *stack;
  struct css_set *cgroups;
  struct files_struct *files;
  struct task_struct *real_parent;
  unsigned long min_flt, maj_flt;
  __u64 start_time;
  char comm[16];
};

struct fdtable {
  unsigned int max_fds;
};

struct files_struct {
  struct fdtable *fdt;
  unsigned int next_fd;
};

struct page_counter {
  struct {
    long counter;
  } usage;
};

struct mem_cgroup {
  struct cgroup_subsys_state css;
  struct memcg_vmstats_percpu *vmstats_percpu;
};

/* If the kernel was built with cgroup v1. */
struct mem_cgroup___v1 {
  struct page_counter kmem;
};

struct memcg_vmstats_percpu {
  long state[1];
};

/* Who is charged instead of the task's own group, if anyone. */
struct task_struct___remote {
  void *active_memcg;
};

struct kmem_cache {
  unsigned int flags, size;
  const char *name;
};

struct page {
  unsigned long compound_head;
};

/* From 6.10 on it has `obj_exts` instead. */
struct slab {
  struct kmem_cache *slab_cache;
  unsigned long memcg_data;
};
struct slab___exts {
  unsigned long obj_exts;
};

/* An entry of `obj_exts`; with memory allocation profiling it has a second word. */
struct slabobj_ext {
  void *ref;
};

/* From 6.2 to 6.13; otherwise it is a variable of its own. */
struct pcpu_hot {
  int preempt_count;
};

struct pt_regs___x86 {
  unsigned long bp, orig_ax, ip, sp;
};
struct pt_regs___arm64 {
  unsigned long long pc;
  int syscallno;
};

#pragma clang attribute pop

enum cgroup_subsys_id { memory_cgrp_id = 1 };

enum memcg_stat_item { MEMCG_KMEM = 1 };

/* From 6.9 on; before, the flag had the name without the first underscore. */
enum _slab_flag_bits { _SLAB_ACCOUNT = 1 };
#define SLAB_ACCOUNT_BEFORE 0x04000000u

#endif
