/* A task's data in /proc, and its memory. */
#ifndef KMEM_HELPER_PROC_H
#define KMEM_HELPER_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define HELPER_COMM "kmem-helper"

enum { COMM_CACHE = 1024 };

/*
 * A task's memory, at most 4096 bytes at once.  False if it cannot be accessed, or not in time (timed.h); for a string,
 * also if its end cannot.
 */
bool read_memory(pid_t tid, uint64_t address, void *data, size_t size);
bool write_memory(pid_t tid, uint64_t address, const void *data, size_t size);
bool read_string(pid_t tid, uint64_t address, char *text, size_t size);
const char *executable(pid_t tid, char *text, size_t size);

/* A whole file of /proc/PID, NUL-terminated; false if it is empty or unreadable. */
bool read_proc(pid_t pid, const char *name, char *text, size_t size);

/* A number from /proc/PID/status, or 0. */
uint64_t status_number(const char *status, const char *key);

bool is_in_first_pid_namespace(void);
pid_t thread_group(pid_t tid);
void forget_comm(pid_t tid);
const char *comm_of(pid_t tid, uint64_t now);
uint64_t start_of(pid_t tid);
pid_t tid_in_namespace(pid_t tid);
uint64_t boot_ticks(void);

/* A field of /proc/PID/stat by its number in proc(5); 0 if it cannot be read. */
uint64_t stat_field(const char *stat, int number);

/* CPU time used by a task, in nanoseconds (sched-stats.rst); 0 if it cannot be read. */
uint64_t cpu_ns_of(pid_t tid);

/* The last process or thread started on this machine (proc_loadavg(5)), in our PID namespace; 0 if unknown. */
pid_t newest_pid(void);

uint64_t cpu_count(void);

#endif
