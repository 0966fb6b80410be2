/* Rows of mappings: nothing is touched, so that no page table is charged. */
#ifndef KMEM_EXHAUST_MAPPINGS_H
#define KMEM_EXHAUST_MAPPINGS_H

/* Neighbours with the same protection would be merged. */
int make_mmap(void);

void map_region(void);
void map_lockable(void);
int make_mprotect(void);
int make_munmap(void);
int make_madvise(void);

/* mlock(2) itself would also fill in page tables. */
int make_mlock(void);

int make_brk(void);

#endif
