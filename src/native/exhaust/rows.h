/* The rows: kinds of kernel objects. */
#ifndef KMEM_EXHAUST_ROWS_H
#define KMEM_EXHAUST_ROWS_H

enum { ROWS = 44 };

struct row {
  const char *name;
  void (*prepare)(void);
  int (*make)(void); /* below 0: refused, errno says why */
  void (*end)(int i);
  int most; /* 0: MOST */
};

extern const struct row rows[ROWS];

#endif
