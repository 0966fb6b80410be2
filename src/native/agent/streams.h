/*
 * The program's streams.  Each has one buffer: it is filled when it is empty and emptied when the other side can take
 * it, so a slow reader stops only its own stream.
 */
#ifndef KMEM_AGENT_STREAMS_H
#define KMEM_AGENT_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
  int from, to; /* -1: none, or closed */
  char *buffer;
  size_t start, end;
  uint64_t taken, given;
  bool draining;   /* only data present when the program exited is taken */
  bool exhausted;  /* while draining: no data was left */
  uint64_t budget; /* while draining: bytes that may still be taken */
};

/* Written by streams.c only. */
extern struct stream input, output, error_output;

bool is_empty(const struct stream *s);
void pump(struct stream *s);

/* "stdin-end", or the host has closed the port. */
void end_input_if_complete(void);

/* The program has closed its stdin: the host need not read further. */
void handle_input_closed(void);

void open_streams(void);

/* As before the first run. */
void reset_streams(void);

/* The host's reader is gone: further writers get SIGPIPE, or the terminal hangs up. */
void close_stream(struct stream *s);

bool is_drained(const struct stream *s);

/* The program has exited: it reads no more, and its remaining output is taken. */
void drain_streams(void);

/* "stdin-end": the total number of bytes that will come. */
void set_input_total(uint64_t total);

/* How many stdin bytes the program read. */
int64_t input_read(void);

#endif
