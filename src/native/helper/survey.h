/* Which BPF programs load and work here, determined by using them: `kmem-helper programs`. */
#ifndef KMEM_HELPER_SURVEY_H
#define KMEM_HELPER_SURVEY_H

/*
 * Prints a line of JSON for each program: its name, how long it took and, if the kernel rejected it, the kernel's
 * reason; then one for each kind (trials.h).  Returns 0.
 */
int show_programs(const char *join_file);

#endif
