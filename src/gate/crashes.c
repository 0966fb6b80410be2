/*
 * A part of gate.c: which processes of the group crash, also those whose parents hide it.
 *
 * Only a parent is told how its child ended, and a server that starts another worker tells nobody.  So the supervisor
 * holds a pidfd of each process that makes a gated call; it is readable when the process has ended.  How it ended:
 *
 *   a zombie         /proc/PID/stat has its wait status as the last field
 *   reaped already   PIDFD_GET_INFO tells, since Linux 6.15; before that it is not known
 *   a child of ours  (the command, an orphan) its wait status, when we reap it
 *
 * Not seen: a process that crashes before its first gated call (its parent's next fork or exit makes it known too), and
 * one that is beyond the MAX_WATCHED that live at one time.
 */
enum { MAX_WATCHED = 256, MAX_CRASHES = 100 };

#ifndef PIDFD_INFO_EXIT
#define PIDFD_INFO_EXIT (1UL << 3)
#endif

/* struct pidfd_info as it was in 6.15; later ones are longer, and the kernel goes by the size in the request. */
struct exit_info {
  uint64_t mask, cgroup;
  uint32_t pid, tgid, ppid, ids[8];
  int32_t exit_code;
};
#define EXIT_INFO _IOWR(0xFF, 11, struct exit_info)

static struct watched {
  pid_t pid; /* 0: free */
  int fd, origin;
  char comm[20]; /* when it was first seen; a zombie tells its last */
} watched[MAX_WATCHED];
static int crashes_told;

/* Of what is a zombie still; else it stays as it was. */
static void note_comm(struct watched *w)
{
  const char *comm = comm_of(w->pid, now_ns());
  if (comm != NULL)
    snprintf(w->comm, sizeof w->comm, "%s", comm);
}

/* A program that is broken ends by one of these; one that is ended, by others. */
static bool is_crash(int status)
{
  static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
    if (WIFSIGNALED(status) && WTERMSIG(status) == signals[i])
      return true;
  return false;
}

static void forget_watched(struct watched *w, int status)
{
  if (!closed && is_crash(status) && crashes_told++ < MAX_CRASHES) {
    event("crash");
    field_number("pid", w->pid);
    field_string("comm", *w->comm ? w->comm : NULL);
    field_number("signal", WTERMSIG(status));
    field_number("atNs", (int64_t)(now_ns() - (start_ns ? start_ns : now_ns())));
    field_figure("step", booked_on(w->origin));
    event_end(QUEUE_SOFT);
  }
  unwatch(w->fd);
  w->pid = 0;
}

/* The wait status of a zombie: proc_pid_stat(5), field 52; -1: it is none, or gone, or not ours to see. */
static int status_of_zombie(pid_t pid)
{
  char path[40], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  ssize_t n = read_file(path, text, sizeof text);
  char *name = n > 0 ? strchr(text, '(') : NULL, *rest = name ? strrchr(text, ')') : NULL;
  if (rest == NULL || rest[1] == '\0' || rest[2] != 'Z')
    return -1;
  return atoi(strrchr(text, ' ') + 1);
}

/* Reaped by its parent already, or about to be. */
static int status_by_pidfd(int fd)
{
  struct exit_info info = {.mask = PIDFD_INFO_EXIT};
  return ioctl(fd, EXIT_INFO, &info) == 0 && (info.mask & PIDFD_INFO_EXIT) ? info.exit_code : -1;
}

/* It has ended. */
static void look_at_death(struct watched *w)
{
  forget_comm(w->pid);
  note_comm(w);
  int status = status_of_zombie(w->pid);
  if (status < 0)
    status = status_by_pidfd(w->fd);
  forget_watched(w, status < 0 ? 0 : status);
}

static bool has_ended(const struct watched *w)
{
  struct pollfd p = {.fd = w->fd, .events = POLLIN};
  return w->pid != 0 && poll(&p, 1, 0) == 1;
}

static void watch_process(pid_t pid)
{
  struct watched *free_slot = NULL;
  for (int i = 0; i < MAX_WATCHED; i++) {
    if (watched[i].pid == pid && has_ended(&watched[i])) /* the pid has come back */
      look_at_death(&watched[i]);
    if (watched[i].pid == pid)
      return;
    if (watched[i].pid == 0 && free_slot == NULL)
      free_slot = &watched[i];
  }
  int fd = free_slot ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
  if (fd < 0)
    return;
  *free_slot = (struct watched){.pid = pid, .fd = fd, .origin = origin};
  note_comm(free_slot);
  watch(fd, TAG_DEATH);
}

static void handle_death(int fd)
{
  for (int i = 0; i < MAX_WATCHED; i++)
    if (watched[i].pid != 0 && watched[i].fd == fd)
      look_at_death(&watched[i]);
}

/* A child of ours that we have reaped. */
static void note_reaped(pid_t pid, int status)
{
  for (int i = 0; i < MAX_WATCHED; i++)
    if (watched[i].pid == pid)
      forget_watched(&watched[i], status);
}

/* Deaths that have happened by now. */
static void read_deaths(void)
{
  for (int i = 0; i < MAX_WATCHED; i++)
    if (has_ended(&watched[i]))
      look_at_death(&watched[i]);
}
