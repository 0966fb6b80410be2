/* Which of the BPF programs load and work here, found out by using them: `kmem-helper programs`. */
#ifndef KMEM_HELPER_SURVEY_H
#define KMEM_HELPER_SURVEY_H

/*
 * A line of JSON for each program: what it is, how long it took, and what the kernel said if it refused it; then one for
 * each kind (trials.h).  Returns 0.
 */
int show_programs(const char *join_file);

#endif
