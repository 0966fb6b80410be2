/*
 * Rows of copies of descriptors, which make their table grow; and tables that are grown before a row.
 *
 * One process may not have as many as it takes, unless it has CAP_SYS_RESOURCE.  Then a further process keeps the full
 * table, and this one goes on with a new one, which has its full size at once: how late outgrown tables are freed
 * would change the number.
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
