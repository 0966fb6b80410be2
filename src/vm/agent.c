/*
 * kmem-agent: the first process of the microVM.  It makes the guest look like the host, starts one program there, and
 * carries the program's streams, terminal and signals between it and the host.
 *
 * THEORY OF OPERATION
 *
 * Boot.  The kernel starts this file as /init of an initramfs that holds nothing else but the kernel's modules.  Every
 * fork and system call is emulated where there is no KVM, therefore no shell and no second program: the agent loads the
 * modules of /modules/order, mounts the host's root (9p, read-only) under an overlay whose upper layer is a tmpfs,
 * mounts what a system has below it, moves there, opens the ports and says "up".  Its own files are then out of sight
 * of whatever runs in the guest.
 *
 * Processes.
 *
 *   agent     PID 1.  One loop of poll(2) over ports, pipes, terminal and a signalfd; nothing in it waits for anything
 *             else.  It reaps what is orphaned and leaves daemons alone: those are the business of the runner that
 *             it starts.
 *   fetcher   copies the files of kmem.prefetch= (below) into memory while the rest of the boot goes on; then it ends.
 *   keeper    only with a terminal: leader of the terminal's session, and parent of the program.  A process group
 *             whose parents are all outside its session is orphaned, and the kernel does not let the terminal stop
 *             it: with a keeper, Ctrl-Z works.  It tells the agent of stops and of the end.
 *   program   root, in a session of its own, or in the keeper's session as the foreground group.
 *
 * Ports.  virtio-serial ports are found by name: kmem.control, kmem.stdin, kmem.stdout, kmem.stderr, kmem.runner (the
 * program's fd 3).  The control port carries lines of JSON out (up, setup-error, started, stopped, stdin-closed, end);
 * in come one configuration (records "key=value" that end with NUL; an empty one is the last) and then lines of text:
 * signal NAME, size ROWS COLS, stdin-end N, close stdout|stderr, cont, poweroff.  A port has no end of file, so the
 * ends of streams are counts of bytes: "stdin-end N" closes the program's stdin after N bytes in all, "end" tells how
 * many bytes of stdout and stderr there were, and how many of stdin the program took; it is sent when all of them are
 * in their ports.
 *
 * A terminal's bytes come from kmem.stdin and go to kmem.stdout if stdout is a terminal, else to kmem.stderr.
 *
 * Back-pressure.  Each stream has one buffer.  It is filled when it is empty and emptied when the other side can take
 * it, so a reader that is slow stops only its own stream.
 *
 * Prefetch.  On 5.10 9p reads a page a message, whatever the readahead: a cold start of Node takes 1.9 s under emulation,
 * of which 1.2 s are messages.  The host names such files on the kernel's command line (kmem.prefetch=PATH); the fetcher
 * reads them with O_DIRECT, half a megabyte a message and straight into the pages of a tmpfs, which is the uppermost lower
 * layer of the overlay: 0.1 s.  The program is not started before they are whole.  Later kernels read ahead in whole
 * messages, and need none of this (6.1: 0.95 s; fetched by reading ahead: the same in all).
 *
 * Death.  The control port closed: the host is gone, and the machine is powered off at once.  What fails before the
 * program runs is told as "setup-error", on the console too, and powers off as well.
 *
 * Sources: Documentation/filesystems/{9p,overlayfs,ramfs-rootfs-initramfs}.rst, drivers/char/virtio_console.c,
 * cgroups(7), setpgid(2), credentials(7).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
  STREAM_BUFFER = 64 << 10,
  ROUNDS = 16,                     /* of one stream before the others have their turn */
  INBOX_MAX = 16 << 20,            /* a configuration: arguments and environment are at most 6 MiB (execve(2)) */
  OUTBOX = 64 << 10,
  TERMINAL_DRAIN = 1 << 20,        /* more than a terminal can hold */
  MAX_FETCHED = 16,
  MAX_SHARES = 64,
  MAX_RUN_DIRECTORIES = 256,
  FETCH_BLOCK = 480 << 10,         /* below msize, and a multiple of the page */
  DEFAULT_READAHEAD_KIB = 128,
  PORTS_DEADLINE_MS = 30000,
  PORTS_DEADLINE_FAILED_MS = 3000, /* where something has failed already and only wants to be told */
  OPEN_FILES_SOFT = 1024,
  OPEN_FILES_HARD = 1048576,
  AGENT_FDS = 64, /* the agent never has so many */
};

#define NINEP "trans=virtio,version=9p2000.L,msize=512000"

/* ---- small things ------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_BOOTTIME, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
  struct timespec ts = {ms / 1000, (ms % 1000) * 1000000};
  nanosleep(&ts, NULL);
}

static void *must(void *memory)
{
  if (memory == NULL)
    abort();
  return memory;
}

/* Tried once, and left alone where it does not work. */
static void write_file(const char *path, const char *text)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  if (write(fd, text, strlen(text)) < 0)
    errno = 0;
  close(fd);
}

/* NUL-terminated, without the last newline; NULL if it cannot be read. */
static char *read_text(const char *path, char *buffer, size_t size)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return NULL;
  size_t used = 0;
  for (ssize_t n; used + 1 < size && (n = read(fd, buffer + used, size - 1 - used)) > 0;)
    used += (size_t)n;
  close(fd);
  buffer[used] = '\0';
  if (used > 0 && buffer[used - 1] == '\n')
    buffer[used - 1] = '\0';
  return buffer;
}

static const char *errno_name(int error)
{
  static char number[16];
  switch (error) {
#define NAME(e) case e: return #e
    NAME(EPERM); NAME(ENOENT); NAME(ESRCH); NAME(EINTR); NAME(EIO); NAME(ENXIO); NAME(E2BIG); NAME(ENOEXEC);
    NAME(EBADF); NAME(EAGAIN); NAME(ENOMEM); NAME(EACCES); NAME(EFAULT); NAME(EBUSY); NAME(EEXIST); NAME(EXDEV);
    NAME(ENODEV); NAME(ENOTDIR); NAME(EISDIR); NAME(EINVAL); NAME(ENFILE); NAME(EMFILE); NAME(ENOTTY); NAME(ETXTBSY);
    NAME(EFBIG); NAME(ENOSPC); NAME(EROFS); NAME(EPIPE); NAME(ERANGE); NAME(ENAMETOOLONG); NAME(ENOSYS); NAME(ELOOP);
    NAME(ENOKEY); NAME(EKEYREJECTED); NAME(EPROTO); NAME(EOPNOTSUPP); NAME(ETIMEDOUT); NAME(ESTALE); NAME(EBADMSG);
#undef NAME
  }
  snprintf(number, sizeof number, "%d", error);
  return number;
}

static const struct { const char *name; int number; } signals[] = {
#define SIGNAL(s) {#s, s}
    SIGNAL(SIGHUP), SIGNAL(SIGINT), SIGNAL(SIGQUIT), SIGNAL(SIGILL), SIGNAL(SIGTRAP), SIGNAL(SIGABRT), SIGNAL(SIGBUS),
    SIGNAL(SIGFPE), SIGNAL(SIGKILL), SIGNAL(SIGUSR1), SIGNAL(SIGSEGV), SIGNAL(SIGUSR2), SIGNAL(SIGPIPE),
    SIGNAL(SIGALRM), SIGNAL(SIGTERM), SIGNAL(SIGSTKFLT), SIGNAL(SIGCHLD), SIGNAL(SIGCONT), SIGNAL(SIGSTOP),
    SIGNAL(SIGTSTP), SIGNAL(SIGTTIN), SIGNAL(SIGTTOU), SIGNAL(SIGURG), SIGNAL(SIGXCPU), SIGNAL(SIGXFSZ),
    SIGNAL(SIGVTALRM), SIGNAL(SIGPROF), SIGNAL(SIGWINCH), SIGNAL(SIGIO), SIGNAL(SIGPWR), SIGNAL(SIGSYS),
#undef SIGNAL
};

static int signal_number(const char *name)
{
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    if (!strcmp(signals[i].name, name))
      return signals[i].number;
  return 0;
}

/* Real-time signals have no names of their own: SIGRTMIN+N. */
static const char *signal_name(int number)
{
  static char other[24];
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    if (signals[i].number == number)
      return signals[i].name;
  snprintf(other, sizeof other, "SIGRTMIN+%d", number - SIGRTMIN);
  return other;
}

static _Noreturn void power_off(void)
{
  reboot(RB_POWER_OFF);
  reboot(RB_AUTOBOOT); /* QEMU is told to end then, too */
  for (;;)
    pause();
}

/* ---- ports -------------------------------------------------------------------------------- */

enum port { CONTROL, STDIN, STDOUT, STDERR, RUNNER, PORTS };

static const char *const port_name[PORTS] = {"kmem.control", "kmem.stdin", "kmem.stdout", "kmem.stderr", "kmem.runner"};
static int port_fd[PORTS] = {-1, -1, -1, -1, -1};

/* The name of a port comes some time after its device: until then there is no such attribute. */
static void open_ports_there_are(void)
{
  DIR *directory = opendir("/sys/class/virtio-ports");
  if (directory == NULL)
    return;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char path[300], name[64];
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
    if (entry->d_name[0] == '.' || read_text(path, name, sizeof name) == NULL)
      continue;
    for (int i = 0; i < PORTS; i++) {
      if (port_fd[i] >= 0 || strcmp(port_name[i], name))
        continue;
      snprintf(path, sizeof path, "/dev/%s", entry->d_name);
      /* The runner reads its request with a blocking read; ours must never block. */
      port_fd[i] = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | (i == RUNNER ? 0 : O_NONBLOCK));
    }
  }
  closedir(directory);
}

/* Before the host's side is known to be open a port looks as if the host had closed it. */
static bool is_connected(int fd)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return fd >= 0 && poll(&p, 1, 0) >= 0 && (p.revents & POLLHUP) == 0;
}

static int first_missing_port(int count)
{
  for (int i = 0; i < count; i++)
    if (!is_connected(port_fd[i]))
      return i;
  return -1;
}

/* Waits for the first `count` ports; returns one that did not come, or -1.  Without a driver none will come. */
static int open_ports(int count, int64_t deadline_ms)
{
  int64_t start = now_ms();
  if (access("/sys/class/virtio-ports", F_OK) < 0)
    return 0;
  for (;;) {
    open_ports_there_are();
    int missing = first_missing_port(count);
    if (missing < 0 || now_ms() - start > deadline_ms)
      return missing;
    sleep_ms(1);
  }
}

/* ---- events to the host: one JSON object a line ------------------------------------------- */

static char outbox[OUTBOX];
static size_t outbox_used, event_start;
static bool event_cut;

static void put_raw(const char *text)
{
  size_t n = strlen(text);
  if (outbox_used + n > sizeof outbox) {
    event_cut = true;
    return;
  }
  memcpy(outbox + outbox_used, text, n);
  outbox_used += n;
}

/* Bytes beyond ASCII are passed on: the host decodes them, and replaces what is not UTF-8. */
static void put_string(const char *text)
{
  put_raw("\"");
  for (const char *p = text; *p; p++) {
    char escaped[8];
    unsigned char c = (unsigned char)*p;
    snprintf(escaped, sizeof escaped, c == '"' || c == '\\' ? "\\%c" : c < 0x20 || c == 0x7f ? "\\u%04x" : "%c", c);
    put_raw(escaped);
  }
  put_raw("\"");
}

static void event(const char *kind)
{
  event_start = outbox_used;
  event_cut = false;
  put_raw("{\"event\":");
  put_string(kind);
}

static void field_string(const char *key, const char *value)
{
  put_raw(",");
  put_string(key);
  put_raw(":");
  if (value == NULL)
    put_raw("null");
  else
    put_string(value);
}

static void field_number(const char *key, int64_t value)
{
  char text[64];
  snprintf(text, sizeof text, ",\"%s\":%" PRId64, key, value);
  put_raw(text);
}

static void flush_events(void)
{
  while (outbox_used > 0) {
    ssize_t n = write(port_fd[CONTROL], outbox, outbox_used);
    if (n <= 0)
      return;
    outbox_used -= (size_t)n;
    memmove(outbox, outbox + n, outbox_used);
  }
}

/* Where the host does not read, an event is there whole or not at all. */
static void event_end(void)
{
  put_raw("}\n");
  if (event_cut)
    outbox_used = event_start;
  flush_events();
}

/*
 * Tells the console and, if it can be had, the host what has failed, and ends the machine.  `detail` may be NULL.
 * A blocking write to a port returns when the host's side has taken it.
 */
static _Noreturn void fail(const char *what, int error, const char *detail)
{
  dprintf(STDERR_FILENO, "kmem-agent: %s: %s%s%s\n", what, strerror(error), detail ? ": " : "", detail ? detail : "");
  if (port_fd[CONTROL] >= 0 || open_ports(CONTROL + 1, PORTS_DEADLINE_FAILED_MS) < 0) {
    char shown[1024];
    snprintf(shown, sizeof shown, "%s", detail ? detail : "");
    fcntl(port_fd[CONTROL], F_SETFL, 0);
    event("setup-error");
    field_string("what", what);
    field_string("errno", errno_name(error));
    field_string("detail", detail ? shown : NULL);
    event_end();
  }
  power_off();
}

/* ---- boot: modules and file systems ------------------------------------------------------- */

static void make_directory(const char *path, mode_t mode)
{
  if (mkdir(path, mode) < 0 && errno != EEXIST)
    fail("make a directory", errno, path);
}

static void must_mount(const char *what, const char *type, const char *source, const char *target, unsigned long flags,
                       const char *options)
{
  if (mount(source, target, type, flags, options) < 0)
    fail(what, errno, options ? options : target);
}

/* Not every kernel has it, and nothing here depends on it. */
static void try_mount(const char *type, const char *target, unsigned long flags, const char *options)
{
  if (mkdir(target, 0755) < 0 && errno != EEXIST && errno != EPERM)
    return;
  if (mount(type, target, type, flags, options) < 0)
    errno = 0;
}

static char module_failed[300];
static int module_error;

static void load_module(const char *name)
{
  char path[280];
  snprintf(path, sizeof path, "/modules/%s", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if ((fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0) && errno != EEXIST && module_error == 0) {
    module_error = errno;
    snprintf(module_failed, sizeof module_failed, "load the module %s", name);
  }
  if (fd >= 0)
    close(fd);
  unlink(path); /* else it stays in memory */
}

/* The others are loaded even when one fails: the control port may be among them. */
static void setup_modules(void)
{
  static char order[16384];
  if (read_text("/modules/order", order, sizeof order) == NULL)
    fail("read the order of the modules", errno, "/modules/order");
  for (char *next = order, *name; (name = strsep(&next, "\n")) != NULL;)
    if (*name)
      load_module(name);
  unlink("/modules/order");
}

static void setup_first_mounts(void)
{
  static const char *const directories[] = {"/proc", "/sys", "/dev", "/lower", "/fetched", "/upper", "/new"};
  for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
    make_directory(directories[i], 0755);
  must_mount("mount /proc", "proc", "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  must_mount("mount /sys", "sysfs", "sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  try_mount("debugfs", "/sys/kernel/debug", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  try_mount("tracefs", "/sys/kernel/tracing", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755") < 0 && errno != EBUSY)
    fail("mount /dev", errno, NULL);
}

static void setup_lower(void)
{
  must_mount("mount the host's root", "9p", "root", "/lower", MS_RDONLY, NINEP ",cache=loose");
}

/* ---- boot: files fetched into memory ------------------------------------------------------ */

static struct { char path[4096]; struct stat stat; } fetched[MAX_FETCHED];
static int fetched_count;
static pid_t fetcher = -1;

/* Owner, mode and times of the original, so that nobody sees that it is a copy. */
static bool copy_attributes(const char *target, const struct stat *st)
{
  struct timespec times[2] = {st->st_atim, st->st_mtim};
  return lchown(target, st->st_uid, st->st_gid) == 0 && chmod(target, st->st_mode & 07777) == 0 &&
         utimensat(AT_FDCWD, target, times, 0) == 0;
}

/* A copy without its capabilities or access lists would be another file; labels of a security module mean nothing here. */
static bool copy_xattrs(const char *from, const char *to)
{
  char names[4096], value[4096];
  ssize_t length = llistxattr(from, names, sizeof names);
  for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
    bool matters = !strcmp(name, "security.capability") || !strncmp(name, "system.", 7);
    ssize_t n = matters ? lgetxattr(from, name, value, sizeof value) : 0;
    if (matters && (n < 0 || lsetxattr(to, name, value, (size_t)n, 0) < 0))
      return false;
  }
  return length >= 0 || errno == EOPNOTSUPP;
}

/*
 * Makes the directories above `path`, which the overlay merges with the host's.  Called again when all is in them, it
 * puts their times right.
 */
static bool copy_parents(const char *path)
{
  char from[4200], to[4200];
  for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    struct stat st;
    int length = slash == path ? 0 : (int)(slash - path);
    snprintf(from, sizeof from, "/lower%.*s", length, path);
    snprintf(to, sizeof to, "/fetched%.*s", length, path);
    if (lstat(from, &st) < 0 || !S_ISDIR(st.st_mode))
      return false;
    bool made = mkdir(to, 0755) == 0;
    if (!made && errno != EEXIST)
      return false;
    if (((made || length == 0) && !copy_xattrs(from, to)) || !copy_attributes(to, &st)) {
      rmdir(to);
      return false;
    }
  }
  return true;
}

/* Where the host has no such plain file, or it would take too much of the memory, it is not fetched. */
static void plan_fetch(const char *path, uint64_t *room)
{
  char from[4200], to[4200];
  struct stat st;
  snprintf(from, sizeof from, "/lower%s", path);
  snprintf(to, sizeof to, "/fetched%s", path);
  if (fetched_count == MAX_FETCHED || *path != '/' || strlen(path) >= sizeof fetched->path || lstat(from, &st) < 0 ||
      !S_ISREG(st.st_mode) || (uint64_t)st.st_size > *room || !copy_parents(path))
    return;
  int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return;
  bool like = ftruncate(fd, st.st_size) == 0 && copy_xattrs(from, to);
  close(fd);
  if (!like) {
    unlink(to);
    return;
  }
  *room -= (uint64_t)st.st_size;
  snprintf(fetched[fetched_count].path, sizeof fetched->path, "%s", path);
  fetched[fetched_count++].stat = st;
}

static int hex_digit(char c)
{
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %XX, since the kernel's command line is words. */
static void decode(char *text)
{
  char *to = text;
  for (const char *from = text; *from; to++) {
    bool escaped = *from == '%' && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0;
    *to = escaped ? (char)(hex_digit(from[1]) * 16 + hex_digit(from[2])) : *from;
    from += escaped ? 3 : 1;
  }
  *to = '\0';
}

static bool fetch_into(int from, char *memory, size_t size)
{
  for (size_t done = 0; done < size;) {
    size_t left = size - done;
    ssize_t n = read(from, memory + done, left < FETCH_BLOCK ? left : FETCH_BLOCK);
    if (n <= 0)
      return false;
    done += (size_t)n;
  }
  return true;
}

/* Half a copy is taken away again: what the overlay then shows is the host's file. */
static void fetch(const char *path, const struct stat *st)
{
  char from[4200], to[4200];
  snprintf(from, sizeof from, "/lower%s", path);
  snprintf(to, sizeof to, "/fetched%s", path);
  size_t size = (size_t)st->st_size;
  int in = open(from, O_RDONLY | O_DIRECT | O_CLOEXEC), out = open(to, O_RDWR | O_CLOEXEC);
  void *memory = in < 0 || out < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, out, 0);
  bool whole = memory != MAP_FAILED && fetch_into(in, memory, size);
  if (memory != MAP_FAILED)
    munmap(memory, size);
  if (!whole || !copy_attributes(to, st))
    unlink(to);
}

/* Whether 9p reads ahead as much as a message holds; where it reads page by page it keeps the kernel's default. */
static bool reads_ahead(void)
{
  DIR *directory = opendir("/sys/class/bdi");
  bool does = false;
  for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
    char path[300], kib[32];
    snprintf(path, sizeof path, "/sys/class/bdi/%s/read_ahead_kb", entry->d_name);
    does |= !strncmp(entry->d_name, "9p", 2) && read_text(path, kib, sizeof kib) && atoi(kib) > DEFAULT_READAHEAD_KIB;
  }
  if (directory != NULL)
    closedir(directory);
  return does;
}

/*
 * Huge pages save most of the page faults of the copy.  A program that maps them has fewer page tables than it would have
 * elsewhere, and page tables are what is measured here: therefore they are split before anybody sees them.
 */
static void setup_prefetch(void)
{
  static char line[8192];
  if (read_text("/proc/cmdline", line, sizeof line) == NULL || strstr(line, "kmem.prefetch=") == NULL || reads_ahead())
    return;
  int split = open("/sys/kernel/debug/split_huge_pages", O_WRONLY | O_CLOEXEC);
  bool huge = split >= 0 &&
              mount("tmpfs", "/fetched", "tmpfs", MS_NODEV, "mode=755,size=30%,huge=within_size") == 0;
  if (!huge && mount("tmpfs", "/fetched", "tmpfs", MS_NODEV, "mode=755,size=30%") < 0)
    return;
  struct statfs space;
  uint64_t room = statfs("/fetched", &space) == 0 ? (uint64_t)space.f_blocks * (uint64_t)space.f_bsize : 0;
  for (char *next = line, *word; (word = strsep(&next, " ")) != NULL;)
    if (!strncmp(word, "kmem.prefetch=", 14)) {
      decode(word + 14);
      plan_fetch(word + 14, &room);
    }
  for (int i = 0; i < fetched_count; i++)
    copy_parents(fetched[i].path);
  if (fetched_count > 0 && (fetcher = fork()) == 0) {
    for (int i = 0; i < fetched_count; i++)
      fetch(fetched[i].path, &fetched[i].stat);
    mount(NULL, "/fetched", NULL, MS_REMOUNT, "huge=never"); /* else the kernel may put them together again */
    _exit(write(split, "1", 1) == 1 ? 0 : 1);                /* by its descriptor: /sys has moved meanwhile */
  }
  close(split);
}

/* ---- boot: the root ----------------------------------------------------------------------- */

static void setup_overlay(void)
{
  must_mount("mount the upper layer", "tmpfs", "tmpfs", "/upper", 0, "size=80%,mode=755");
  make_directory("/upper/data", 0755);
  make_directory("/upper/work", 0755);
  struct stat st;
  if (stat("/lower", &st) == 0)
    copy_attributes("/upper/data", &st);
  must_mount("mount the overlay", "overlay", "overlay", "/new", 0,
             fetched_count > 0 ? "lowerdir=/fetched:/lower,upperdir=/upper/data,workdir=/upper/work"
                               : "lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work");
}

static void move_to(const char *from, const char *to)
{
  if (mkdir(to, 0755) < 0 && errno != EEXIST)
    fail("make a directory", errno, to);
  if (mount(from, to, NULL, MS_MOVE, NULL) < 0)
    fail("move a mount", errno, to);
}

/* As switch_root(8): the root file system of the kernel cannot be unmounted, but moved over. */
static void setup_root(void)
{
  move_to("/proc", "/new/proc");
  move_to("/sys", "/new/sys");
  move_to("/dev", "/new/dev");
  if (chdir("/new") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
    fail("change the root", errno, NULL);
}

static void setup_dev(void)
{
  make_directory("/dev/pts", 0755);
  make_directory("/dev/shm", 01777);
  make_directory("/dev/mqueue", 01777);
  must_mount("mount /dev/pts", "devpts", "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
  must_mount("mount /dev/shm", "tmpfs", "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
  try_mount("mqueue", "/dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                         {"/proc/self/fd/0", "/dev/stdin"},
                                         {"/proc/self/fd/1", "/dev/stdout"},
                                         {"/proc/self/fd/2", "/dev/stderr"}};
  for (size_t i = 0; i < sizeof links / sizeof *links; i++)
    if (symlink(links[i][0], links[i][1]) < 0)
      errno = 0;
}

static struct { char name[256]; struct stat stat; } run_directories[MAX_RUN_DIRECTORIES];
static int run_directory_count;

/* Servers expect the folders that their packages or a service manager made; what is in them are the host's processes. */
static void note_run_directories(void)
{
  DIR *directory = opendir("/run");
  if (directory == NULL)
    return;
  for (struct dirent *entry; run_directory_count < MAX_RUN_DIRECTORIES && (entry = readdir(directory)) != NULL;) {
    struct stat *st = &run_directories[run_directory_count].stat;
    if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
      continue;
    if (fstatat(dirfd(directory), entry->d_name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st->st_mode))
      snprintf(run_directories[run_directory_count++].name, 256, "%s", entry->d_name);
  }
  closedir(directory);
}

static void setup_run(void)
{
  make_directory("/run", 0755);
  note_run_directories();
  must_mount("mount /run", "tmpfs", "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755");
  for (int i = 0; i < run_directory_count; i++) {
    char path[300];
    snprintf(path, sizeof path, "/run/%.255s", run_directories[i].name);
    if (mkdir(path, 0755) == 0)
      copy_attributes(path, &run_directories[i].stat);
  }
  make_directory("/run/lock", 01777);
  chmod("/run/lock", 01777);
}

/* The overlay shows the host's /tmp: the command's working directory may be there. */
static void setup_tmp(void)
{
  struct stat st;
  make_directory("/tmp", 01777);
  if (stat("/tmp", &st) == 0 && (st.st_mode & 07777) != 01777)
    chmod("/tmp", 01777);
}

/* The kernel gives lo its addresses when it comes up. */
static void setup_loopback(void)
{
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo"};
  if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
    fail("look at the loopback interface", errno, NULL);
  request.ifr_flags |= IFF_UP;
  if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
    fail("bring the loopback interface up", errno, NULL);
  close(fd);
}

static void setup_self(void)
{
  prctl(PR_SET_NAME, "kmem-agent");
  write_file("/proc/self/oom_score_adj", "-1000");
  umask(022);
  signal(SIGPIPE, SIG_IGN);
}

static void setup_ports(void)
{
  int missing = open_ports(PORTS, PORTS_DEADLINE_MS);
  if (missing >= 0)
    fail("find a port", ENODEV, port_name[missing]);
}

/* ---- configuration ------------------------------------------------------------------------ */

enum stream_kind { KIND_NULL, KIND_PIPE, KIND_SMALL_PIPE, KIND_TTY };

static struct {
  bool v1, runner;
  int64_t time_ms; /* 0: the clock is left alone */
  const char *hostname, *cwd;
  const char *share[MAX_SHARES];
  int share_count;
  enum stream_kind stream[3];
  struct winsize size;
  char **argv, **envp;
  size_t argc, envc;
} config;

static bool parse_stream(int fd, const char *value)
{
  static const char *const names[] = {"null", "pipe", "smallpipe", "tty"};
  for (int i = 0; i < 4; i++)
    if (!strcmp(names[i], value)) {
      config.stream[fd] = (enum stream_kind)i;
      return true;
    }
  return false;
}

static bool parse_size(const char *value, struct winsize *size)
{
  return sscanf(value, "%hu %hu", &size->ws_row, &size->ws_col) == 2;
}

static bool configure(char *record)
{
  char *value = strchr(record, '=');
  if (value == NULL)
    return false;
  size_t n = (size_t)(value++ - record);
#define IS(key) (n == sizeof key - 1 && !memcmp(record, key, n))
  if (IS("arg")) return config.argv[config.argc++] = value, true;
  if (IS("env")) return config.envp[config.envc++] = value, true;
  if (IS("cwd")) return config.cwd = value, true;
  if (IS("cgroup")) return config.v1 = !strcmp(value, "v1"), config.v1 || !strcmp(value, "v2");
  if (IS("time")) return config.time_ms = strtoll(value, NULL, 10), config.time_ms > 0;
  if (IS("hostname")) return config.hostname = value, true;
  if (IS("rw")) return config.share_count < MAX_SHARES && (config.share[config.share_count++] = value, strchr(value, ':'));
  if (IS("stdin")) return parse_stream(STDIN_FILENO, value);
  if (IS("stdout")) return parse_stream(STDOUT_FILENO, value);
  if (IS("stderr")) return parse_stream(STDERR_FILENO, value);
  if (IS("size")) return parse_size(value, &config.size);
  if (IS("runner")) return config.runner = !strcmp(value, "1"), true;
#undef IS
  return false;
}

static void setup_clock(void)
{
  struct timespec ts = {config.time_ms / 1000, config.time_ms % 1000 * 1000000};
  if (config.time_ms > 0 && clock_settime(CLOCK_REALTIME, &ts) < 0)
    fail("set the clock", errno, NULL);
}

static void setup_hostname(void)
{
  if (config.hostname && sethostname(config.hostname, strlen(config.hostname)) < 0)
    fail("set the host's name", errno, config.hostname);
}

/* Each controller that the kernel has for v1 in a directory of its own, and the unified hierarchy beside them. */
static void setup_cgroups(void)
{
  static const char *const controllers[] = {"memory", "pids", "cpu,cpuacct", "freezer"};
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (!config.v1) {
    must_mount("mount cgroup v2", "cgroup2", "cgroup2", "/sys/fs/cgroup", flags, NULL);
    return;
  }
  must_mount("mount cgroup v1", "tmpfs", "tmpfs", "/sys/fs/cgroup", flags, "mode=755");
  for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
    char path[64];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s", controllers[i]);
    make_directory(path, 0755);
    if (mount("cgroup", path, "cgroup", flags, controllers[i]) < 0)
      rmdir(path);
  }
  /* Before there is any other group: else limits do not hold for nested ones (Linux < 5.11). */
  write_file("/sys/fs/cgroup/memory/memory.use_hierarchy", "1");
  make_directory("/sys/fs/cgroup/unified", 0755);
  must_mount("mount the unified cgroup hierarchy", "cgroup2", "cgroup2", "/sys/fs/cgroup/unified", flags, NULL);
}

static void make_parents(const char *path)
{
  char prefix[4096];
  for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    snprintf(prefix, sizeof prefix, "%.*s", (int)(slash - path), path);
    make_directory(prefix, 0755);
  }
  make_directory(path, 0755);
}

/* cache=mmap: what is written is on the host when write(2) returns, and shared mappings work. */
static void setup_shares(void)
{
  for (int i = 0; i < config.share_count; i++) {
    char tag[64];
    const char *path = strchr(config.share[i], ':') + 1;
    snprintf(tag, sizeof tag, "%.*s", (int)(path - 1 - config.share[i]), config.share[i]);
    if (*path != '/' || path[1] == '\0') /* nobody would see what is mounted over the root */
      fail("share a folder", EINVAL, config.share[i]);
    make_parents(path);
    if (mount(tag, path, "9p", 0, NINEP ",cache=mmap") < 0)
      fail("share a folder", errno, config.share[i]);
  }
}

static void sync_shares(void)
{
  for (int i = 0; i < config.share_count; i++) {
    int fd = open(strchr(config.share[i], ':') + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
      syncfs(fd);
      close(fd);
    }
  }
}

/* ---- the program -------------------------------------------------------------------------- */

static int terminal = -1;                      /* the master's side, or -1 */
static int child_fd[3] = {-1, -1, -1};         /* the program's ends */
static int own_fd[3] = {-1, -1, -1};           /* ours: of pipes */
static int slave = -1, reports = -1;
static pid_t program = -1, keeper = -1;
static sigset_t original_mask;

struct report { enum { REPORT_PID, REPORT_STOPPED, REPORT_ENDED } kind; int value; };
/* The pointers are good on both sides of a fork. */
struct start_failure { int error; const char *what, *detail; };

static void setup_terminal(void)
{
  if (config.stream[0] != KIND_TTY && config.stream[1] != KIND_TTY && config.stream[2] != KIND_TTY)
    return;
  terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  int unlocked = 0;
  if (terminal < 0 || ioctl(terminal, TIOCSPTLCK, &unlocked) < 0)
    fail("open a terminal", errno, NULL);
  slave = ioctl(terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct termios modes;
  if (slave < 0 || tcgetattr(slave, &modes) < 0)
    fail("open a terminal", errno, NULL);
  modes.c_iflag |= IUTF8; /* line editing by characters */
  tcsetattr(slave, TCSANOW, &modes);
  ioctl(terminal, TIOCSWINSZ, &config.size);
}

static void setup_stream(int fd)
{
  enum stream_kind kind = config.stream[fd];
  if (kind == KIND_TTY) {
    child_fd[fd] = slave;
    return;
  }
  if (kind == KIND_NULL) {
    child_fd[fd] = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (child_fd[fd] < 0)
      fail("open /dev/null", errno, NULL);
    return;
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    fail("make a pipe", errno, NULL);
  if (kind == KIND_SMALL_PIPE)
    fcntl(ends[0], F_SETPIPE_SZ, (int)sysconf(_SC_PAGESIZE));
  child_fd[fd] = ends[fd == STDIN_FILENO ? 0 : 1];
  own_fd[fd] = ends[fd == STDIN_FILENO ? 1 : 0];
  fcntl(own_fd[fd], F_SETFL, O_NONBLOCK);
}

static _Noreturn void report_failure(int ready, const char *what, const char *detail)
{
  struct start_failure failure = {errno, what, detail};
  if (write(ready, &failure, sizeof failure) < 0)
    _exit(126);
  _exit(127);
}

/* Descriptors of the program are 0, 1, 2 and, if asked for, 3; all others close on exec. */
static bool setup_descriptors(void)
{
  int fds[4] = {child_fd[0], child_fd[1], child_fd[2], config.runner ? port_fd[RUNNER] : -1};
  for (int i = 0; i < 4; i++) /* out of the way, so that no dup2 overwrites one that is still needed */
    if (fds[i] >= 0 && (fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10)) < 0)
      return false;
  for (int i = 0; i < 4; i++)
    if (fds[i] >= 0 && dup2(fds[i], i) < 0)
      return false;
  return true;
}

static void setup_signals(void)
{
  for (int i = 1; i < NSIG; i++)
    signal(i, SIG_DFL);
  sigprocmask(SIG_SETMASK, &original_mask, NULL);
}

static void setup_limits(void)
{
  struct rlimit files = {OPEN_FILES_SOFT, OPEN_FILES_HARD};
  setrlimit(RLIMIT_NOFILE, &files);
}

static _Noreturn void be_program(int ready)
{
  int own_ready = fcntl(ready, F_DUPFD_CLOEXEC, 20);
  if (slave >= 0) {
    setpgid(0, 0);
    /* SIGTTOU would stop it: it is still in the background.  setup_signals undoes that. */
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(slave, getpid());
  } else {
    setsid();
  }
  write_file("/proc/self/oom_score_adj", "0");
  setup_limits();
  if (!setup_descriptors())
    report_failure(own_ready, "pass the descriptors", NULL);
  if (chdir(config.cwd) < 0)
    report_failure(own_ready, "enter the working directory", config.cwd);
  setup_signals();
  execve(config.argv[0], config.argv, config.envp);
  report_failure(own_ready, "start the program", config.argv[0]);
}

static void send_report(int fd, int kind, int value)
{
  struct report report = {.kind = kind, .value = value};
  if (write(fd, &report, sizeof report) < 0)
    _exit(1);
}

/* Stays until the machine ends: the end of a session's leader hangs its terminal up, with output still in it. */
static _Noreturn void be_keeper(int ready, int report)
{
  prctl(PR_SET_NAME, "kmem-keeper");
  setsid();
  if (ioctl(slave, TIOCSCTTY, 0) < 0)
    report_failure(ready, "take the terminal", NULL);
  pid_t child = fork();
  if (child < 0)
    report_failure(ready, "fork", NULL);
  if (child == 0)
    be_program(ready);
  setpgid(child, child);
  /* Readers and writers of the program's streams are told by who has the other end. */
  for (int fd = 0; fd < AGENT_FDS; fd++)
    if (fd != slave && fd != report)
      close(fd);
  send_report(report, REPORT_PID, child);
  for (;;) {
    int status;
    if (waitpid(child, &status, WUNTRACED) < 0)
      break;
    bool stopped = WIFSTOPPED(status);
    send_report(report, stopped ? REPORT_STOPPED : REPORT_ENDED, status);
    if (!stopped)
      break;
  }
  for (;;)
    pause();
}

static void close_child_ends(void)
{
  for (int i = 0; i < 3; i++)
    if (child_fd[i] >= 0 && child_fd[i] != slave)
      close(child_fd[i]);
  if (slave >= 0)
    close(slave);
  slave = -1;
  close(port_fd[RUNNER]);
  port_fd[RUNNER] = -1;
}

static void start_program(void)
{
  int ready[2], report[2];
  if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
    fail("make a pipe", errno, NULL);
  pid_t child = fork();
  if (child < 0)
    fail("fork", errno, NULL);
  if (child == 0) {
    if (slave < 0)
      be_program(ready[1]);
    be_keeper(ready[1], report[1]);
  }
  close(ready[1]);
  close(report[1]);
  struct start_failure failure;
  if (read(ready[0], &failure, sizeof failure) == sizeof failure)
    fail(failure.what, failure.error, failure.detail);
  close(ready[0]);
  if (slave < 0) {
    program = child;
    close(report[0]);
  } else {
    struct report first;
    keeper = child;
    reports = report[0];
    if (read(reports, &first, sizeof first) != sizeof first)
      fail("start the program", EIO, "its terminal's keeper died");
    program = first.value;
    fcntl(reports, F_SETFL, O_NONBLOCK);
  }
  close_child_ends();
  event("started");
  field_number("pid", program);
  event_end();
}

/* ---- streams ------------------------------------------------------------------------------ */

static struct stream {
  int from, to; /* -1: none, or closed */
  char *buffer;
  size_t start, end;
  uint64_t taken, given;
  bool dry;        /* while draining: there was nothing more */
  uint64_t budget; /* while draining: bytes that may still be taken */
} input = {-1, -1, .budget = UINT64_MAX}, output = {-1, -1, .budget = UINT64_MAX},
  error_output = {-1, -1, .budget = UINT64_MAX};

static enum { CONFIGURING, FETCHING, RUNNING, DRAINING, ENDED } state;
static uint64_t input_total = UINT64_MAX; /* what "stdin-end" said */
static int64_t input_unread;              /* in the pipe when its end was closed */
static int input_reader = -1;             /* tells that after the program has got its end of file */

static bool is_empty(const struct stream *s)
{
  return s->start == s->end;
}

/* Descriptors that two streams share (a terminal's) are not closed. */
static void close_end(int *fd)
{
  if (*fd >= 0 && *fd != terminal)
    close(*fd);
  *fd = -1;
}

static void take(struct stream *s)
{
  size_t room = s->budget < STREAM_BUFFER ? (size_t)s->budget : STREAM_BUFFER;
  ssize_t n = room == 0 ? 0 : read(s->from, s->buffer, room);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    s->dry = state == DRAINING;
    return;
  }
  if (n <= 0) { /* the end of a pipe; EIO: of a terminal */
    close_end(&s->from);
    return;
  }
  s->start = 0;
  s->end = (size_t)n;
  s->taken += (uint64_t)n;
  s->budget -= state == DRAINING ? (uint64_t)n : 0;
}

/* False: the other side can take no more for now. */
static bool give(struct stream *s)
{
  ssize_t n = write(s->to, s->buffer + s->start, s->end - s->start);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (n < 0) { /* nobody reads it any more; poll(2) tells so, too */
    s->start = s->end;
    return false;
  }
  s->start += (size_t)n;
  s->given += (uint64_t)n;
  return true;
}

static void pump(struct stream *s)
{
  for (int i = 0; i < ROUNDS; i++) {
    if (is_empty(s) && s->from >= 0 && s->to >= 0)
      take(s);
    if (is_empty(s) || s->to < 0 || !give(s))
      return;
  }
}

static int64_t unread_in(int fd)
{
  int unread = 0;
  return fd >= 0 && ioctl(fd, FIONREAD, &unread) == 0 ? unread : 0;
}

/* Its reading end is opened once more: what is in a pipe can be asked of an end only. */
static void end_input(void)
{
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", input.to);
  if (input.to != terminal)
    input_reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  close_end(&input.to);
  input.from = -1;
}

/* "stdin-end", or the host has closed the port. */
static void end_input_when_given(void)
{
  if (input.to >= 0 && is_empty(&input) && (input.taken >= input_total || input.from < 0))
    end_input();
}

/* The program has closed its stdin: the host need not read on. */
static void input_closed(void)
{
  input_unread = unread_in(input.to);
  close_end(&input.to);
  event("stdin-closed");
  event_end();
}

static void open_stream(struct stream *s, int from, int to)
{
  s->buffer = must(malloc(STREAM_BUFFER));
  s->from = from;
  s->to = to;
}

static void open_streams(void)
{
  if (config.stream[0] == KIND_TTY || own_fd[0] >= 0)
    open_stream(&input, port_fd[STDIN], config.stream[0] == KIND_TTY ? terminal : own_fd[0]);
  if (config.stream[1] == KIND_TTY || own_fd[1] >= 0)
    open_stream(&output, config.stream[1] == KIND_TTY ? terminal : own_fd[1], port_fd[STDOUT]);
  bool own_terminal = config.stream[2] == KIND_TTY && config.stream[1] != KIND_TTY;
  if (own_terminal || own_fd[2] >= 0)
    open_stream(&error_output, own_terminal ? terminal : own_fd[2], port_fd[STDERR]);
}

/* The host's reader is gone: who writes on gets SIGPIPE, or a terminal hangs up. */
static void close_stream(struct stream *s)
{
  if (s->from >= 0 && s->from == terminal) {
    close(terminal);
    terminal = -1;
    if (input.to >= 0 && config.stream[0] == KIND_TTY)
      input.to = input.from = -1;
    s->from = -1;
  }
  close_end(&s->from);
  s->start = s->end = 0;
  s->to = -1;
}

/* What was written before the program ended; those that hold its pipes still may write for ever. */
static void begin_to_drain(struct stream *s)
{
  int there = 0;
  if (s->from >= 0 && s->from == terminal)
    s->budget = TERMINAL_DRAIN;
  else if (s->from >= 0)
    s->budget = ioctl(s->from, FIONREAD, &there) == 0 ? (uint64_t)there : 0;
}

static bool is_drained(const struct stream *s)
{
  return is_empty(s) && (s->from < 0 || s->to < 0 || s->dry || s->budget == 0);
}

/* ---- the end ------------------------------------------------------------------------------ */

static int end_status;

static void program_ended(int status)
{
  end_status = status;
  state = DRAINING;
  if (input.to >= 0 || input_reader >= 0)
    input_unread = unread_in(input.to >= 0 ? input.to : input_reader);
  close_end(&input.to);
  input.from = -1;
  begin_to_drain(&output);
  begin_to_drain(&error_output);
}

static void send_end(void)
{
  sync_shares();
  state = ENDED;
  close_stream(&output); /* of daemons: the host has been told how much there is */
  close_stream(&error_output);
  event("end");
  if (WIFEXITED(end_status)) {
    field_number("code", WEXITSTATUS(end_status));
    field_string("signal", NULL);
  } else {
    field_string("code", NULL);
    field_string("signal", signal_name(WTERMSIG(end_status)));
  }
  field_number("stdout", (int64_t)output.given);
  field_number("stderr", (int64_t)error_output.given);
  if (config.stream[0] == KIND_PIPE || config.stream[0] == KIND_SMALL_PIPE)
    field_number("stdin", (int64_t)input.given - input_unread);
  else
    field_string("stdin", NULL);
  event_end();
}

static void drain(void)
{
  if (state != DRAINING)
    return;
  pump(&output);
  pump(&error_output);
  if (is_drained(&output) && is_drained(&error_output))
    send_end();
}

static sigset_t early_signals; /* came before there was a program */

static void send_signal(int number)
{
  if (state < RUNNING)
    sigaddset(&early_signals, number);
  if (state != RUNNING || number == 0)
    return;
  bool foreground = terminal >= 0 && tcgetpgrp(terminal) == program;
  kill(foreground ? -program : program, number);
}

static void run_when_ready(void)
{
  if (state != FETCHING || fetcher > 0)
    return;
  start_program();
  open_streams();
  state = RUNNING;
  for (int i = 1; i < NSIG; i++)
    if (sigismember(&early_signals, i) == 1)
      send_signal(i);
}

static void reap(void)
{
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == fetcher)
      fetcher = -1;
    else if (pid == program && state == RUNNING) /* with a terminal: the keeper was killed before */
      program_ended(status);
  }
  run_when_ready();
}

static void take_reports(void)
{
  struct report report;
  ssize_t n;
  while ((n = read(reports, &report, sizeof report)) == sizeof report) {
    if (report.kind == REPORT_STOPPED) {
      event("stopped");
      event_end();
    } else if (state == RUNNING) {
      program_ended(report.value);
    }
  }
  if (n == 0)
    close_end(&reports);
}

/* ---- messages from the host --------------------------------------------------------------- */

static char *inbox;
static size_t inbox_used, inbox_size, inbox_looked_at;

static void take_line(char *text)
{
  struct winsize size = {0};
  if (!strcmp(text, "poweroff"))
    power_off();
  else if (!strncmp(text, "signal ", 7))
    send_signal(signal_number(text + 7));
  else if (!strncmp(text, "size ", 5) && terminal >= 0 && parse_size(text + 5, &size))
    ioctl(terminal, TIOCSWINSZ, &size);
  else if (!strncmp(text, "stdin-end ", 10))
    input_total = strtoull(text + 10, NULL, 10);
  else if (!strcmp(text, "close stdout"))
    close_stream(&output);
  else if (!strcmp(text, "close stderr"))
    close_stream(&error_output);
  else if (!strcmp(text, "cont") && state == RUNNING)
    kill(-program, SIGCONT);
}

static void take_configuration(size_t size)
{
  size_t records = 1;
  for (size_t i = 0; i < size; i++)
    records += inbox[i] == '\0';
  config.argv = must(calloc(records + 1, sizeof *config.argv));
  config.envp = must(calloc(records + 1, sizeof *config.envp));
  config.cwd = "/";
  for (size_t at = 0; inbox[at] != '\0'; at += strlen(inbox + at) + 1)
    if (!configure(inbox + at))
      fail("read the configuration", EINVAL, inbox + at);
  if (config.argc == 0)
    fail("read the configuration", EINVAL, "no program");
  setup_clock();
  setup_hostname();
  setup_cgroups();
  setup_shares();
  setup_terminal();
  for (int fd = 0; fd < 3; fd++)
    setup_stream(fd);
  state = FETCHING;
  run_when_ready();
}

/* The configuration stays where it was read: its values are the program's arguments. */
static void take_inbox(void)
{
  size_t done = 0;
  if (state == CONFIGURING) {
    const char *end = memmem(inbox + inbox_looked_at, inbox_used - inbox_looked_at, "\0\0", 2);
    inbox_looked_at = inbox_used > 0 ? inbox_used - 1 : 0;
    if (end == NULL)
      return;
    done = (size_t)(end - inbox) + 2;
    char *whole = inbox;
    inbox_size = inbox_used - done + 65536;
    char *rest = must(malloc(inbox_size));
    memcpy(rest, whole + done, inbox_used - done);
    take_configuration(done);
    inbox = rest;
    inbox_used -= done;
    done = 0;
  }
  for (char *newline; (newline = memchr(inbox + done, '\n', inbox_used - done)) != NULL;) {
    *newline = '\0';
    take_line(inbox + done);
    done = (size_t)(newline - inbox) + 1;
  }
  inbox_used -= done;
  memmove(inbox, inbox + done, inbox_used);
}

static void read_control(void)
{
  for (;;) {
    if (inbox_size - inbox_used < 4096) {
      if (inbox_size > INBOX_MAX)
        fail("read the configuration", E2BIG, NULL);
      inbox_size = inbox_size * 2 + 65536;
      inbox = must(realloc(inbox, inbox_size));
    }
    ssize_t n = read(port_fd[CONTROL], inbox + inbox_used, inbox_size - inbox_used);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (n <= 0)
      power_off();
    inbox_used += (size_t)n;
    take_inbox();
  }
}

/* ---- the loop ----------------------------------------------------------------------------- */

static void watch(struct pollfd *p, int fd, short events)
{
  *p = (struct pollfd){.fd = fd, .events = events};
}

static void watch_stream(struct pollfd *from, struct pollfd *to, const struct stream *s)
{
  bool wants = is_empty(s) && s->from >= 0 && s->to >= 0 && !s->dry;
  watch(from, wants ? s->from : -1, POLLIN);
  watch(to, s->to, is_empty(s) ? 0 : POLLOUT);
}

static _Noreturn void serve(int children)
{
  enum { P_CONTROL, P_CHILDREN, P_REPORTS, P_INPUT, P_INPUT_TO, P_OUTPUT, P_OUTPUT_TO, P_ERROR, P_ERROR_TO, P_COUNT };
  for (;;) {
    struct pollfd p[P_COUNT];
    watch(&p[P_CONTROL], port_fd[CONTROL], outbox_used > 0 ? POLLIN | POLLOUT : POLLIN);
    watch(&p[P_CHILDREN], children, POLLIN);
    watch(&p[P_REPORTS], reports, POLLIN);
    watch_stream(&p[P_INPUT], &p[P_INPUT_TO], &input);
    watch_stream(&p[P_OUTPUT], &p[P_OUTPUT_TO], &output);
    watch_stream(&p[P_ERROR], &p[P_ERROR_TO], &error_output);
    if (poll(p, P_COUNT, -1) < 0)
      continue;
    if (p[P_CONTROL].revents & POLLHUP)
      power_off();
    if (p[P_CONTROL].revents & POLLIN)
      read_control();
    if (outbox_used > 0)
      flush_events();
    if (p[P_INPUT_TO].revents & (POLLERR | POLLHUP))
      input_closed();
    if (p[P_INPUT].revents | p[P_INPUT_TO].revents)
      pump(&input);
    if (p[P_OUTPUT_TO].revents & POLLHUP)
      close_stream(&output);
    if (p[P_ERROR_TO].revents & POLLHUP)
      close_stream(&error_output);
    if (p[P_OUTPUT].revents | p[P_OUTPUT_TO].revents)
      pump(&output);
    if (p[P_ERROR].revents | p[P_ERROR_TO].revents)
      pump(&error_output);
    if (p[P_REPORTS].revents)
      take_reports();
    if (p[P_CHILDREN].revents) {
      struct signalfd_siginfo info;
      if (read(children, &info, sizeof info) > 0)
        reap();
    }
    end_input_when_given();
    drain();
  }
}

static int open_children(void)
{
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigprocmask(SIG_BLOCK, &mask, &original_mask);
  return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(void)
{
  if (getpid() != 1) {
    fprintf(stderr, "kmem-agent: this is the first process of kmem-run's microVM, and nothing else\n");
    return 2;
  }
  setup_first_mounts();
  setup_self();
  setup_modules();
  if (module_error)
    fail(module_failed, module_error, NULL);
  setup_lower();
  int children = open_children();
  setup_prefetch();
  setup_overlay();
  setup_root();
  setup_dev();
  setup_run();
  setup_tmp();
  setup_loopback();
  setup_ports();
  event("up");
  field_number("uptimeMs", now_ms());
  event_end();
  serve(children);
}
