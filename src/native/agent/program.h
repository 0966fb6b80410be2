/*
 * The program, its descriptors, and with a terminal the keeper: leader of the terminal's session, and parent of the
 * program.  A process group whose parents are all outside its session is orphaned, and the kernel does not let the
 * terminal stop it.
 */
#ifndef KMEM_AGENT_PROGRAM_H
#define KMEM_AGENT_PROGRAM_H

#include <sys/types.h>

struct report {
  enum { REPORT_PID, REPORT_STOPPED, REPORT_ENDED } kind;
  int value;
};

/* Written by program.c only. */
extern int terminal;  /* the master's side, or -1 */
extern int own_fd[3]; /* ours: of pipes */
extern int reports;   /* from the keeper, or -1 */
extern pid_t program;

void setup_terminal(void);
void setup_stream(int fd);
void start_program(void);
int open_children(void);

/* Hangs it up. */
void close_terminal(void);

void close_reports(void);

#endif
