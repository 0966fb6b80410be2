/*
 * Makes one kind of kernel object until the kernel refuses one, and says how many there were.
 *
 * usage: exhaust ROW [FOLDER [FILL [TRIES [FIRST]]]]
 *        exhaust files FOLDER COUNT
 *
 * Prints {"row":…,"made":N,"errno":E,"before":B,"after":A}: B and A are the group's kernel memory (bytes) before the
 * first object and with the last.  FOLDER, on tmpfs, is where rows that make names make them.  With FILL (not 0) it
 * stops by itself, with errno 0, at the object that takes the group's kernel memory above that many bytes, and does not
 * count it.  `files` makes COUNT empty files, for `inotify_watch` to watch.  What would outlive the program is removed.
 *
 * With TRIES there are so many tries, each in a process of its own and a line of output.  An object is made of several
 * parts (a socket: its inode, the protocol's own structure, a name, a file), and which of them is the first that does not
 * fit decides which errno the kernel gives.  So try number N holds N open files besides, which begin the row N × 264 bytes
 * further (`struct file` on 5.10).  FIRST: the number of the first try.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/membarrier.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  MOST = 1000000,
  PAGE = 4096,
  FIRST_FD = 100,
  EPOLL_FDS = 19000,
  THREADS = 1000,
  MAPPED_PAGES = 200000,
  FREED_EVERY = 256, /* names; 1 MiB has room for 5,000 */
  SETTLE_US = 50000, /* a table of descriptors that was outgrown is charged until an RCU grace period is over */
  SETTLE_TIMES = 100,
  SETTLED = 4 * PAGE, /* what a try may leave behind for good, such as a slab's own list of owners */
  UNCHARGED = 10000,  /* of 200 bytes each, which is little for an object, these would take 2 MB */
  SLOW = 5000,        /* each takes longer than the one before */
};

static int made, *number; /* pids and ids, by the number of the object */
static int first;              /* a descriptor or an id that the objects hang on */
static char *region;
static int counter = -1; /* the group's kernel memory */

static long long raise_limit(int resource, rlim_t value)
{
  struct rlimit limit;
  getrlimit(resource, &limit);
  struct rlimit raised = {value, value}, highest = {limit.rlim_max, limit.rlim_max};
  if (setrlimit(resource, &raised) == 0) return (long long)value;
  setrlimit(resource, &highest); /* raising the hard limit takes CAP_SYS_RESOURCE */
  return (long long)limit.rlim_max;
}

static const char *name_of(int i)
{
  static char name[32];
  snprintf(name, sizeof name, "/n%d", i);
  return name;
}

static const char *in_folder(int i) { return name_of(i) + 1; }

static int keep(int id)
{
  if (id >= 0) number[made] = id;
  return id;
}

/* ---- the group's counter ---- */

static int refresh = -1; /* v2: reading it brings the counter up to date */

static int open_in(const char *directory, const char *file)
{
  char path[700];
  snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", directory, file);
  return open(path, O_RDONLY | O_CLOEXEC);
}

/* On v2 processes are in a leaf of the group that counts. */
static void open_unified(char *leaf)
{
  if ((counter = open_in(leaf, "memory.stat")) >= 0) {
    refresh = open_in(leaf, "cpu.stat");
    return;
  }
  char *last = strrchr(leaf, '/');
  if (last == NULL || last == leaf) return;
  *last = '\0';
  open_unified(leaf);
}

/* The kernel-memory counter of the group that this process is in. */
static void open_counter(void)
{
  char row[512], directory[600];
  FILE *cgroups = fopen("/proc/self/cgroup", "re");
  while (cgroups && fgets(row, sizeof row, cgroups)) {
    char *group = strstr(row, ":memory:");
    row[strcspn(row, "\n")] = '\0';
    if (group != NULL) {
      snprintf(directory, sizeof directory, "/memory%s", group + 8);
      refresh = -1;
      counter = open_in(directory, "memory.kmem.usage_in_bytes");
    } else if (counter < 0 && !strncmp(row, "0::", 3)) {
      open_unified(row + 3);
    }
  }
  if (cgroups) fclose(cgroups);
}

static long long usage(void)
{
  char text[4096];
  if (refresh >= 0) (void)!pread(refresh, text, sizeof text, 0);
  ssize_t n = pread(counter, text, sizeof text - 1, 0);
  text[n > 0 ? n : 0] = '\0';
  char *figure = refresh >= 0 ? strstr(text, "\nkernel ") : text;
  if (n <= 0 || figure == NULL) return -1;
  return atoll(refresh >= 0 ? figure + 8 : figure);
}

/* ---- processes ---- */

static int make_fork(void)
{
  pid_t pid = fork();
  if (pid == 0)
    for (;;) pause();
  return keep(pid);
}

static void end_fork(int i)
{
  kill(number[i], SIGKILL);
  waitpid(number[i], NULL, 0);
}

static int wait_for_ever(void *unused)
{
  while (syscall(SYS_pause) < 0) (void)unused;
  return 0;
}

static void map_stacks(void)
{
  region = mmap(NULL, THREADS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

static int make_thread(void)
{
  int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  return clone(wait_for_ever, region + (made + 1) * PAGE, flags, NULL);
}

/* ---- descriptors ---- */

/*
 * One process may not have as many as it takes, unless it has CAP_SYS_RESOURCE.  Then a further process keeps the full
 * table, and this one goes on with a new one, which has its full size at once: how late outgrown tables are freed
 * would change the number.
 */
static long long most_descriptors;
static int tables;
static int (*copy_to)(int fd);

static int dup_to(int fd) { return dup2(0, fd); }
static int fcntl_to(int fd) { return fcntl(0, F_DUPFD, fd); }

static int own_table(void)
{
  int last = (int)most_descriptors - 1;
  if (last > 1 << 16) return 0;
  return copy_to(last) < 0 ? -1 : close(last);
}

static int passing[2];

static void open_passing(void)
{
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, passing) < 0) passing[0] = passing[1] = -1;
}

static void first_table(int (*copy)(int fd))
{
  copy_to = copy;
  map_stacks();
  own_table();
  open_passing();
}

/*
 * Many copies at once, by sending descriptors to ourselves: a table of 262,144 would take minutes under a gate that is
 * asked for each.  The last ones before the table has to grow are made one by one.
 */
static int copy_many(int last)
{
  enum { AT_ONCE = 253 }; /* unix(7), SCM_MAX_FD */
  static int zeros[AT_ONCE];
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof zeros)];
  } control = {.header = {CMSG_LEN(sizeof zeros), SOL_SOCKET, SCM_RIGHTS}};
  char byte = 0;
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  long long next = last + 1, full = 64;
  while (full < next) full *= 2;
  if (full > most_descriptors) full = most_descriptors;
  if (passing[0] < 0 || full - next <= 2 * AT_ONCE) return 0;
  memcpy(CMSG_DATA(&control.header), zeros, sizeof zeros);
  if (sendmsg(passing[0], &message, 0) < 0 || recvmsg(passing[1], &message, 0) < 0) return 0;
  return message.msg_flags & MSG_CTRUNC ? 0 : AT_ONCE;
}

static void first_dup_table(void) { first_table(dup_to); }
static void first_fcntl_table(void) { first_table(fcntl_to); }

static int next_table(void)
{
  number[tables] = clone(wait_for_ever, region + (tables + 1) * PAGE, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
  if (number[tables] < 0) {
    perror("clone");
    exit(2);
  }
  tables++;
  close_range((unsigned)counter + 1, ~0u, CLOSE_RANGE_UNSHARE);
  for (int i = 0; i < 2; i++) close(passing[i]);
  open_passing();
  return own_table();
}

static void end_table(int i)
{
  if (i < tables) end_fork(i);
}

static int make_descriptor(int (*make)(void))
{
  static int last;
  if (last > 0) {
    int copies = copy_many(last);
    made += copies;
    last += copies;
  }
  int fd = last = make();
  if (fd >= 8191 && (fd & (fd + 1)) == 0) usleep(SETTLE_US); /* the next one may make the table grow */
  if (fd >= 0 || errno != EMFILE) return fd;
  return next_table() < 0 ? -1 : (last = make());
}

static int dup_one(void) { return dup(0); }
static int fcntl_one(void) { return fcntl_to(0); }
static int make_dup(void) { return make_descriptor(dup_one); }
static int make_fcntl(void) { return make_descriptor(fcntl_one); }

/* ---- sockets and files ---- */

static int make_tcp(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int make_udp(void) { return socket(AF_INET, SOCK_DGRAM, 0); }
static int make_unix(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }

static int make_socketpair(void)
{
  int pair[2];
  return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static int make_pipe(void)
{
  int pair[2];
  return pipe(pair);
}

/* Grown before the first object: how late the outgrown tables are freed would change the number. */
static void table_for(int count)
{
  dup2(0, count);
  close(count);
}

static void table(void) { table_for(2000); }
static void large_table(void) { table_for(12000); }
static void largest_table(void) { table_for(19900); }

static int make_open(void) { return open("/dev/null", O_RDONLY); }

/*
 * Closed files and forgotten names are freed after a grace period of RCU.  Waited for now and then: else it would be a
 * matter of speed how many of them are still charged when the kernel refuses the first one.
 */
static void let_free(int every)
{
  if (made % every != every - 1) return;
  syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
  usleep(1000);
}

static int make_creat(void)
{
  let_free(32);
  int fd = creat(in_folder(made), 0600);
  return fd < 0 ? fd : close(fd);
}

static void end_name(int i) { unlink(in_folder(i)); }
static int make_mkdir(void) { return mkdir(in_folder(made), 0700); }
static void end_mkdir(int i) { rmdir(in_folder(i)); }
static void one_file(void) { close(creat("file", 0600)); }
static int make_link(void) { return link("file", in_folder(made)); }
static int make_symlink(void) { return symlink("nowhere", in_folder(made)); }
static int make_memfd(void) { return memfd_create("exhaust", 0); }

/* ---- events ---- */

static int make_eventfd(void) { return eventfd(0, 0); }
static int make_timerfd(void) { return timerfd_create(CLOCK_MONOTONIC, 0); }

static int make_signalfd(void)
{
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  return signalfd(-1, &mask, 0);
}

static int make_epoll(void) { return epoll_create1(0); }

/* The descriptors are there before the first object, so that each object is an entry of an epoll alone. */
static void many_descriptors(void)
{
  int event = eventfd(0, 0);
  first = epoll_create1(0);
  for (int i = EPOLL_FDS; i >= 0; i--) dup2(event, FIRST_FD + i);
}

static int make_epoll_entry(void)
{
  struct epoll_event event = {.events = EPOLLIN};
  if (made > 0 && made % EPOLL_FDS == 0) first = epoll_create1(0);
  return epoll_ctl(first, EPOLL_CTL_ADD, FIRST_FD + made % EPOLL_FDS, &event);
}

static int make_inotify(void) { return inotify_init1(0); }
static void one_inotify(void) { first = inotify_init1(0); }
static int make_watch(void) { return inotify_add_watch(first, in_folder(made), IN_OPEN); }
static int make_userfaultfd(void) { return (int)syscall(SYS_userfaultfd, 0); }

static int make_io_uring(void)
{
  struct io_uring_params params;
  memset(&params, 0, sizeof params);
  return (int)syscall(SYS_io_uring_setup, 1, &params);
}

/* ---- ipc ---- */

static int make_msgget(void) { return keep(msgget(IPC_PRIVATE, 0600)); }
static void end_msgget(int i) { msgctl(number[i], IPC_RMID, NULL); }

/* Of as many bytes as msgmnb says. */
static void one_queue(void) { first = msgget(IPC_PRIVATE, 0600); }

static int make_msgsnd(void)
{
  static struct {
    long type;
    char text[1024];
  } message = {.type = 1};
  return msgsnd(first, &message, sizeof message.text, IPC_NOWAIT);
}

static void end_msgsnd(int i)
{
  if (i == 0) msgctl(first, IPC_RMID, NULL);
}

static int make_mq(void)
{
  struct mq_attr small = {.mq_maxmsg = 1, .mq_msgsize = 1};
  return mq_open(name_of(made), O_CREAT | O_EXCL | O_RDWR, 0600, &small);
}

static void end_mq(int i) { mq_unlink(name_of(i)); }
static int make_semget(void) { return keep(semget(IPC_PRIVATE, 32, 0600)); }
static void end_semget(int i) { semctl(number[i], 0, IPC_RMID); }
static int make_shmget(void) { return keep(shmget(IPC_PRIVATE, PAGE, 0600)); }
static void end_shmget(int i) { shmctl(number[i], IPC_RMID, NULL); }

/* ---- memory: nothing is touched, so that no page table is charged ---- */

static int made_mapping(void *address) { return address == MAP_FAILED ? -1 : 0; }

/* Neighbours of one protection would become one mapping. */
static int make_mmap(void)
{
  int protection = made % 2 ? PROT_READ : PROT_NONE;
  return made_mapping(mmap(NULL, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

static void map_as(int protection)
{
  size_t size = (size_t)MAPPED_PAGES * PAGE;
  region = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static void map_region(void) { map_as(PROT_NONE); }
static void map_lockable(void) { map_as(PROT_READ); } /* 5.10 locks nothing that nobody may read */

/* Every other page: a mapping is split off on either side of it. */
static char *next_page(void) { return region + (size_t)(2 * made + 1) * PAGE; }
static int make_mprotect(void) { return mprotect(next_page(), PAGE, PROT_READ); }
static int make_munmap(void) { return munmap(next_page(), PAGE); }
static int make_madvise(void) { return madvise(next_page(), PAGE, MADV_DONTDUMP); }
/* mlock(2) itself would also fill in page tables. */
static int make_mlock(void) { return mlock2(next_page(), PAGE, MLOCK_ONFAULT); }

/* ---- what 5.10 does not charge, or frees at once ---- */

static int make_brk(void) { return sbrk(PAGE) == (void *)-1 ? -1 : 0; }

/* One file, which goes by ever other names. */
static void first_name(void) { close(creat(in_folder(0), 0600)); }

static int make_rename(void)
{
  let_free(FREED_EVERY);
  char from[32];
  strcpy(from, in_folder(made));
  return rename(from, in_folder(made + 1));
}

static void end_rename(int i)
{
  if (i == 0) unlink(in_folder(made));
}

static int absent(int result) { return result < 0 && errno == ENOENT ? 0 : -1; }

static int make_stat(void)
{
  let_free(FREED_EVERY);
  struct stat status;
  return absent(stat(in_folder(made), &status));
}

static int make_access(void)
{
  let_free(FREED_EVERY);
  return absent(access(in_folder(made), F_OK));
}

static int make_readlink(void)
{
  let_free(FREED_EVERY);
  char target[8];
  return absent((int)readlink(in_folder(made), target, sizeof target));
}

static int make_timer(void)
{
  int timer;
  struct sigevent nothing = {.sigev_notify = SIGEV_NONE};
  return (int)syscall(SYS_timer_create, CLOCK_MONOTONIC, &nothing, &timer);
}

static int make_key(void) { return (int)syscall(SYS_add_key, "user", in_folder(made), "x", 1, KEY_SPEC_PROCESS_KEYRING); }

static void one_lockable(void) { first = open("file", O_RDWR | O_CREAT, 0600); }

static int make_lock(void)
{
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2 * made, .l_len = 1};
  return fcntl(first, F_SETLK, &lock);
}

/* Kept by a map of maps: a descriptor of each would be charged as a file. */
static int make_bpf(void)
{
  union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
  int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map);
  if (fd < 0) return fd;
  if (made == 0) {
    union bpf_attr outer = {.map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4};
    outer.max_entries = UNCHARGED, outer.inner_map_fd = (uint32_t)fd;
    first = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &outer, sizeof outer);
  }
  union bpf_attr entry = {.map_fd = (uint32_t)first};
  entry.key = (uint64_t)(uintptr_t)&made, entry.value = (uint64_t)(uintptr_t)&fd;
  long updated = syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &entry, sizeof entry);
  int error = errno;
  close(fd);
  errno = error;
  return (int)updated;
}

static const struct row {
  const char *name;
  void (*prepare)(void);
  int (*make)(void); /* below 0: refused, errno says why */
  void (*end)(int i);
  int most; /* 0: MOST */
} rows[] = {
    {"fork", NULL, make_fork, end_fork, 0},
    {"thread", map_stacks, make_thread, NULL, 0},
    {"socket_tcp", table, make_tcp, NULL, 0},
    {"socket_udp", table, make_udp, NULL, 0},
    {"socket_unix", table, make_unix, NULL, 0},
    {"socketpair", table, make_socketpair, NULL, 0},
    {"pipe", table, make_pipe, NULL, 0},
    {"open", largest_table, make_open, NULL, 0},
    {"creat", NULL, make_creat, end_name, 0},
    {"mkdir", NULL, make_mkdir, end_mkdir, 0},
    {"link", one_file, make_link, end_name, 0},
    {"symlink", NULL, make_symlink, end_name, 0},
    {"memfd_create", table, make_memfd, NULL, 0},
    {"dup", first_dup_table, make_dup, end_table, 0},
    {"fcntl", first_fcntl_table, make_fcntl, end_table, 0},
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

static int stays_above(long long bytes)
{
  if (usage() <= bytes) return 0;
  usleep(SETTLE_US);
  return usage() > bytes;
}

static int make_files(int count)
{
  for (int i = 0; i < count; i++)
    if (close(creat(in_folder(i), 0600)) < 0) return 1;
  return 0;
}

static void run_row(const struct row *row, long long fill)
{
  int most = row->most ? row->most : MOST, error = 0;
  if (row->prepare) row->prepare();
  usleep(SETTLE_US);
  usage(); /* once for what the first reading itself needs */
  long long before = usage(), after;
  while (made < most && error == 0) {
    if (row->make() < 0)
      error = errno;
    else if (fill > 0 && stays_above(fill))
      break;
    else
      made++;
  }
  after = usage();
  dprintf(1, "{\"row\":\"%s\",\"made\":%d,\"errno\":%d,\"before\":%lld,\"after\":%lld}\n", row->name, made, error, before,
          after);
  for (int i = 0; row->end && i < made + (error == 0); i++) row->end(i);
  if (row->prepare == one_file || row->prepare == one_lockable) unlink("file");
}

/* What the try before has freed is charged until a grace period of RCU is over. */
static void settle(long long bytes)
{
  for (int i = 0; i < SETTLE_TIMES && usage() > bytes; i++) usleep(SETTLE_US);
}

/* In a process of its own, which takes everything with it that has no name. */
static int try_row(const struct row *row, long long fill, int opens)
{
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    for (int i = 0; i < opens; i++) make_open();
    run_row(row, fill);
    _exit(0);
  }
  if (pid < 0) return perror("fork"), 2;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static void write_to(const char *file, const char *text)
{
  int fd = open(file, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, text, strlen(text)) < 0) perror(file);
  close(fd);
}

/* Queues that hold more than a system's own limits, and that are gone when this program is. */
static void own_ipc(void)
{
  if (unshare(CLONE_NEWIPC) < 0) return;
  write_to("/proc/sys/kernel/msgmnb", "100000000");
  write_to("/proc/sys/fs/mqueue/queues_max", "100000");
}

static int run_tries(const struct row *row, long long fill, int tries, int first_try)
{
  own_ipc();
  usleep(SETTLE_US);
  usage();
  long long base = usage();
  for (int i = 0; i < tries; i++) {
    int status = try_row(row, fill, first_try + i);
    if (status != 0) return status;
    settle(base + SETTLED);
  }
  return 0;
}

/* Numbers that one page table maps: at the limit a page fault that needs another would not end. */
static void place_numbers(void)
{
  enum { MOST_NUMBERS = 1 << 16, MAPPED = 2 << 20 };
  static int room[MOST + MOST_NUMBERS];
  uintptr_t start = (uintptr_t)room, end = (uintptr_t)(room + MOST_NUMBERS);
  number = start / MAPPED == end / MAPPED ? room : room + MOST_NUMBERS - end % MAPPED / sizeof *room;
  number[0] = 0;
}

int main(int argc, char **argv)
{
  const struct row *row = NULL;
  for (size_t i = 0; argc > 1 && i < sizeof rows / sizeof *rows; i++)
    if (!strcmp(rows[i].name, argv[1])) row = &rows[i];
  if (argc > 2 && chdir(argv[2]) < 0) return perror(argv[2]), 2;
  if (argc > 3 && !strcmp(argv[1], "files")) return make_files(atoi(argv[3]));
  if (row == NULL) return fprintf(stderr, "exhaust: no such row\n"), 2;
  long long fill = argc > 3 ? atoll(argv[3]) : 0;
  int tries = argc > 4 ? atoi(argv[4]) : 0, first_try = argc > 5 ? atoi(argv[5]) : 0;

  most_descriptors = raise_limit(RLIMIT_NOFILE, 1 << 20);
  raise_limit(RLIMIT_MSGQUEUE, RLIM_INFINITY);
  raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
  raise_limit(RLIMIT_NPROC, RLIM_INFINITY);
  raise_limit(RLIMIT_SIGPENDING, RLIM_INFINITY);
  place_numbers();
  open_counter();
  if (tries > 0) return run_tries(row, fill, tries, first_try);
  run_row(row, fill);
  return 0;
}
