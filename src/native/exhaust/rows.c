#include "rows.h"

#include <stddef.h>

#include "descriptors.h"
#include "events.h"
#include "files.h"
#include "ipc.h"
#include "mappings.h"
#include "processes.h"

enum { SLOW = 5000 }; /* each takes longer than the one before */

const struct row rows[ROWS] = {
    {"fork", NULL, make_fork, end_fork, 0},
    {"thread", map_stacks, make_thread, NULL, 0},
    {"socket_tcp", small_table, make_tcp, NULL, 0},
    {"socket_udp", small_table, make_udp, NULL, 0},
    {"socket_unix", small_table, make_unix, NULL, 0},
    {"socketpair", small_table, make_socketpair, NULL, 0},
    {"pipe", small_table, make_pipe, NULL, 0},
    {"open", largest_table, make_open, NULL, 0},
    {"creat", NULL, make_creat, end_name, 0},
    {"mkdir", NULL, make_mkdir, end_mkdir, 0},
    {"link", one_file, make_link, end_name, 0},
    {"symlink", NULL, make_symlink, end_name, 0},
    {"memfd_create", small_table, make_memfd, NULL, 0},
    {"dup", begin_dup_table, make_dup, end_table, 0},
    {"fcntl", begin_fcntl_table, make_fcntl, end_table, 0},
    {"eventfd", large_table, make_eventfd, NULL, 0},
    {"timerfd", large_table, make_timerfd, NULL, 0},
    {"signalfd", large_table, make_signalfd, NULL, 0},
    {"epoll_create1", large_table, make_epoll, NULL, 0},
    {"epoll_ctl", many_descriptors, make_epoll_entry, NULL, 0},
    {"inotify_init", NULL, make_inotify, NULL, 0},
    {"inotify_watch", one_inotify, make_watch, NULL, 0},
    {"userfaultfd", NULL, make_userfaultfd, NULL, 0},
    {"io_uring_setup", NULL, make_io_uring, NULL, 0},
    {"msgget", NULL, make_msgget, end_msgget, 0},
    {"msgsnd", one_queue, make_msgsnd, end_msgsnd, 0},
    {"mq_open", NULL, make_mq, end_mq, 0},
    {"semget", NULL, make_semget, end_semget, 0},
    {"shmget", NULL, make_shmget, end_shmget, 0},
    {"mmap", NULL, make_mmap, NULL, 0},
    {"mprotect", map_region, make_mprotect, NULL, 0},
    {"munmap", map_region, make_munmap, NULL, 0},
    {"madvise", map_region, make_madvise, NULL, 0},
    {"mlock", map_lockable, make_mlock, NULL, 0},
    {"brk", NULL, make_brk, NULL, UNCHARGED},
    {"rename", first_name, make_rename, end_rename, UNCHARGED},
    {"stat", NULL, make_stat, NULL, UNCHARGED},
    {"access", NULL, make_access, NULL, UNCHARGED},
    {"readlink", NULL, make_readlink, NULL, UNCHARGED},
    {"stat_kept", NULL, make_stat, NULL, UNCHARGED},
    {"timer_create", NULL, make_timer, NULL, UNCHARGED},
    {"add_key", NULL, make_key, NULL, UNCHARGED},
    {"lock", one_lockable, make_lock, NULL, SLOW},
    {"bpf", NULL, make_bpf, NULL, UNCHARGED},
};
