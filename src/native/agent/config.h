/* The configuration, from the host: one for the program and, if that is the runner, one for each run. */
#ifndef KMEM_AGENT_CONFIG_H
#define KMEM_AGENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

enum { MAX_SHARES = 64, MAX_DIRECTORIES = 256 };

enum stream_kind { KIND_NULL, KIND_PIPE, KIND_SMALL_PIPE, KIND_TTY };

struct config {
  bool v1, runner, serves;           /* serves: the program is the runner, and runs follow */
  int64_t time_ms;                   /* 0: the clock is left alone */
  const char *hostname, *cwd, *seed; /* seed: random; NULL: none */
  const char *share[MAX_SHARES];
  int share_count;
  const char *directory[MAX_DIRECTORIES]; /* of /run: mode, uid, gid and name */
  int directory_count;
  enum stream_kind stream[3];
  struct winsize size;
  char **argv, **envp;
  size_t argc, envc;
};

/* Written by read_configuration only. */
extern struct config config;

bool parse_size(const char *value, struct winsize *size);

/* The records must stay in place: their values are the program's arguments. */
void read_configuration(char *records, size_t size);

#endif
