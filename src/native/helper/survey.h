/* Which of the programs in the kernel load here, found out by loading them: `kmem-helper programs`. */
#ifndef KMEM_HELPER_SURVEY_H
#define KMEM_HELPER_SURVEY_H

/* A line of JSON for each: what it is, how long it took, and what the kernel said if it refused it.  0. */
int show_programs(void);

#endif
