/* The objects of a row: their count, how they are identified, and what they are attached to. */
#ifndef KMEM_EXHAUST_OBJECT_H
#define KMEM_EXHAUST_OBJECT_H

enum {
  MOST = 1000000,
  PAGE = 4096,
  SETTLE_US = 50000, /* an outgrown descriptor table is charged until an RCU grace period is over */
};

/* `made`: counted by main.c, and by a row that creates many at once. */
extern int made;
extern int *number;  /* pids and ids, by the number of the object */
extern int first;    /* a descriptor or id to which the objects attach */
extern char *region; /* memory that they are made of */

const char *object_name(int i);
const char *file_name(int i);
int keep_id(int id);

/* Places the numbers where one page table maps them: at the limit a page fault that needs another never ends. */
void place_numbers(void);

#endif
