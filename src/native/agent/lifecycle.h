/* The life of the program: its start, its signals, its stops and its end. */
#ifndef KMEM_AGENT_LIFECYCLE_H
#define KMEM_AGENT_LIFECYCLE_H

#include <stdbool.h>

bool is_configured(void);
bool is_running(void);
void drain(void);
void send_signal(int number);

/* The configuration is complete: start the program as soon as its files are. */
void run_when_fetched(void);

/* The program is the runner, and waits for the configuration of a run. */
bool is_serving(void);
void begin_run(void);
void finish_run(void);

void reap(void);
void handle_reports(void);

#endif
