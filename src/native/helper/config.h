/* What the runner asks for: the configuration, word by word, and each step. */
#ifndef KMEM_HELPER_CONFIG_H
#define KMEM_HELPER_CONFIG_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MAX_LIST = 16 };

struct config {
  bool gate, aslr, reclaim, errno_enomem;
  int64_t limit, reserve; /* limit -1: none */
  char *usage_file, *max_file, *failcnt_file, *reclaim_file, *lock_file, *trace_file;
  char *refresh_file; /* cgroup v2, where usage_file is memory.stat: cpu.stat */
  char *oom_score;    /* the command's; the supervisor has the lowest then */
  char *watched;      /* the group's directory of the memory controller: BPF programs watch it */
  bool rcu_wait;      /* before a denial: for what has ended to be freed */
  bool kill_escaped;  /* what leaves the group is killed */
  int fitted_count;   /* words about the kernel that the runner had (fit.h) */
  int fault_signal;   /* that ends a page fault over the limit; 0: it is only counted; -1: nobody looks */
  char *attribute;    /* where the kernel itself enforces: the group's directory in the unified hierarchy */
  char *join[MAX_LIST], *late_join[MAX_LIST], *join_into, *clone_into, *kill_file[MAX_LIST], *directory[MAX_LIST];
  int join_count, late_join_count, kill_file_count, directory_count;
  bool has_identity;
  uid_t uid;
  gid_t gid;
  gid_t *groups;
  size_t group_count;
  bool has_cpus;
  cpu_set_t cpus;
};

struct step_request {
  char *path, *directory;
  char **argv, **envp;
  bool null_stdin, background;
};

/* Written by config.c only. */
extern struct config config;

/* "KEY=VALUE"; false if the key is unknown or the value invalid. */
bool configure(char *text);

/* "limit": from now on. */
void set_limit(int64_t limit);

/* A step from its words.  It points into them; the caller frees argv and envp. */
struct step_request parse_step(char **words);

#endif
