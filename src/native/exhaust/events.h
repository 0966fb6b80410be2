/* Rows of events: awaited objects, and those that wait. */
#ifndef KMEM_EXHAUST_EVENTS_H
#define KMEM_EXHAUST_EVENTS_H

int make_eventfd(void);
int make_timerfd(void);
int make_signalfd(void);
int make_epoll(void);

/* The descriptors exist before the first object, so that each object is only an epoll entry. */
void many_descriptors(void);

int make_epoll_entry(void);
int make_inotify(void);
void one_inotify(void);
int make_watch(void);
int make_userfaultfd(void);
int make_io_uring(void);
int make_timer(void);

#endif
