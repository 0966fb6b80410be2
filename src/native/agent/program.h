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
extern int terminal;          /* the master's side, or -1 */
extern int own_fd[3];         /* ours: of pipes */
extern int reports;           /* from the keeper, or -1 */
extern pid_t program, keeper; /* -1: none */

void setup_terminal(void);
void resize_terminal(void);
void setup_stream(int fd);

/* For the runner itself: a terminal, or nothing.  What it writes to stderr is the console's. */
void setup_own_stream(int fd);

/* For a run: the ends that the runner opens by these numbers (-1: it has that already), until it has. */
int stream_end(int fd);
void close_stream_ends(void);
void start_program(void);
int open_children(void);

/* Hangs it up. */
void close_terminal(void);

void close_reports(void);

#endif
