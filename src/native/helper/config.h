/* Requests from the runner: the configuration, word by word, and each step. */
#ifndef KMEM_HELPER_CONFIG_H
#define KMEM_HELPER_CONFIG_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MAX_LIST = 16 };

/* What our BPF programs refuse; the gate remains for what OBJECTS does not cover. */
enum granularity { NOTHING, OBJECTS, ALLOCATIONS };

struct config {
  bool gate, aslr, reclaim, errno_enomem;
  enum granularity enforce; /* inside the kernel, by BPF programs (enforce.h) */
  int64_t limit, reserve;   /* limit -1: none */
  char *usage_file, *max_file, *failcnt_file, *reclaim_file, *lock_file, *trace_file;
  char *refresh_file;            /* cgroup v2: cpu.stat; a read of it brings memory.stat up to date */
  char *oom_score;               /* the command's; the supervisor then has the lowest */
  char *watched;                 /* the group's memory-controller directory, watched by BPF programs */
  bool rcu_wait;                 /* before a denial, wait for exited tasks to be freed */
  bool profile;                  /* report the parts of the group's kernel memory (profile.h) */
  bool kill_escaped;             /* kill processes that leave the group */
  int fitted_count;              /* saved words about the kernel from the runner (fit.h) */
  char *lent_watch, *lent_calls; /* a keeper's programs (keeper.h); NULL: none */
  int fault_signal;              /* sent on a page fault over the limit; 0: only counted; -1: not watched */
  char *attribute;               /* if the kernel itself enforces: the group's directory in the unified hierarchy */
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

/* Parses a step from its words.  It points into them; the caller frees argv and envp. */
struct step_request parse_step(char **words);

#endif
