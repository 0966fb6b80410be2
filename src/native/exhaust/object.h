/* The objects of a row: how many there are, what they are known by, and what they hang on. */
#ifndef KMEM_EXHAUST_OBJECT_H
#define KMEM_EXHAUST_OBJECT_H

enum {
  MOST = 1000000,
  PAGE = 4096,
  SETTLE_US = 50000, /* a table of descriptors that was outgrown is charged until an RCU grace period is over */
};

/* `made`: counted by main.c, and by a row that makes many at once. */
extern int made;
extern int *number;  /* pids and ids, by the number of the object */
extern int first;    /* a descriptor or an id that the objects hang on */
extern char *region; /* memory that they are made of */

const char *object_name(int i);
const char *file_name(int i);
int keep_id(int id);

/* Numbers that one page table maps: at the limit a page fault that needs another would not end. */
void place_numbers(void);

#endif
