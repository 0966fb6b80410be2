/*
 * Rows of descriptor copies, which make their table grow, and tables that are grown before a row.
 *
 * Without CAP_SYS_RESOURCE, one process may not open as many descriptors as needed.  Then another process keeps the
 * full table, and this one continues with a new one, which has its full size at once: otherwise the number would depend
 * on when outgrown tables are freed.
 */
#ifndef KMEM_EXHAUST_DESCRIPTORS_H
#define KMEM_EXHAUST_DESCRIPTORS_H

void begin_dup_table(void);
void begin_fcntl_table(void);
void end_table(int i);
int make_dup(void);
int make_fcntl(void);
void small_table(void);
void large_table(void);
void largest_table(void);
void raise_limits(void);

#endif
