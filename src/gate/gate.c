/*
 * kmem-gate: start a command inside a cgroup and fail its allocating system calls while the
 * group's kernel-memory counter is over a limit.
 *
 * THEORY OF OPERATION
 *
 * Processes.  The runner (Node) starts one `kmem-gate supervise`.  From it come:
 *
 *   supervisor  stays outside the group, answers notifications, reaps, reports to the runner.  It is a
 *               subreaper: daemons that double-fork become its children, so their exits are seen and
 *               nothing that the command started can hide from teardown.
 *   guardian    a child in a session of its own that holds a copy of every listener.  If the supervisor
 *               dies, calls block (the copy keeps the listener open) instead of failing with ENOSYS, and
 *               the guardian kills the group at once.  If the guardian dies, the supervisor does that.
 *   reclaimer   only with reclaim on: asks the kernel to reclaim, which may take 100 ms, off the
 *               notification path.
 *   joiner      one per step, short-lived, on cgroup v2 with a deputy that is born in the group.  It installs the filter, hands the listener over, joins the
 *               group, forks the command and exits.  What a task allocated
 *               before it joined is never charged to the group, therefore the fork: the command's own
 *               task, stack and address space are charged.
 *   command     waits for the word, drops privileges and execs; until then it borrows the joiner's memory.
 *
 * Hand-over.  J = joiner, C = command, S = supervisor; a SOCK_SEQPACKET pair carries one byte a message.
 *
 *   J: personality, affinity, filter          J -> S 'L' + listener   ('N' without a gate, 'E' + errno)
 *   S: copy to the guardian, acknowledged     S -> J 'f'
 *   J: join the group, fork (gated already)   C -> S 'C' + pid        (J -> S 'E' on failure)
 *   S: the counter must have moved, reset max S -> C 'g'
 *   C: pids group, identity, directory, execve (gated)  end of file on success, C -> S 'E' on failure
 *
 * J joins as late as it can, so that neither the filter nor its own set-up is charged to the group; it writes "0"
 * into v1's `tasks` itself, because moving another process (or a whole one) waits for an RCU grace period.  In the
 * unified hierarchy of a hybrid layout the command is born (CLONE_INTO_CGROUP), for the same reason; on v2 so are both,
 * each in its leaf of the group: processes are counted in the command's.
 *
 * Up to 'g' a failure is the tool's (the runner reports a SetupError); but the fork and the exec pass the
 * gate like any other call, and if it denies them that is a result.
 *
 * The decision.  For each gated call one pread of the group's counter: usage + need > limit - reserve is a
 * denial with the errno of the policy table, where `need` is what such a call charges at least and the reserve
 * is room for what page faults charge between calls.  Everything else continues.  brk must never answer an errno (C
 * libraries take it for the new break): it answers the current break, which is how brk says no.
 *
 * Failures that were asked for by address (--fail) come before the counter: such a call is denied, whatever the usage is.
 *
 * Steps.  One is handed over at a time; what is handed over runs on while the next one begins, if that was asked for
 * ("background").  Each has a filter of its own, and so a listener of its own, which all that it starts inherits: by
 * the listener the supervisor knows the step that a call comes from, also where parents are long gone.  What happens is
 * booked on that step while it runs, else on the latest in the foreground that does.  The highest usage is the whole
 * group's: the kernel keeps one, so it is read for all steps that run whenever it is reset.
 *
 * The step that ended last has an open account: what daemons do while no step runs is booked on it.  "account" reports
 * it when the next step is let go or ends, and at the end of the run.
 *
 * Close.  After "close" the runner ends what is left, and the figures of the run stay as they were: every call continues,
 * and nothing is counted, booked or measured any more.
 *
 * The limit may change at any time ("limit").  The highest usage is read and reset then, so that the runner can tell
 * what each limit has seen.
 *
 * The policy (which calls, which errno, what to tell about them) is data from the runner; the seccomp
 * filter is generated from it.  An unlisted call never leaves the kernel.
 *
 * Without a gate the same supervisor starts the command and tells of its end.  Where the kernel's own limit is in
 * force it also finds out which calls failed by it: see refusals.c.
 *
 * Never waiting.  The supervisor does not wait for the runner: events go to a bounded queue; the first
 * failures are sent in full, counts by (comm, syscall, errno) always; what the queue has no room for is
 * counted and reported as dropped.
 *
 * Death.  Runner gone (end of file on the control socket): the supervisor kills and removes the group.
 * Supervisor gone: the guardian does.  Both hold the run's lock (flock on an inherited description), so
 * that a later run can tell that nobody is left in charge.
 *
 * Sources: Documentation/userspace-api/seccomp_filter.rst, seccomp_unotify(2), cgroups(7),
 * Documentation/admin-guide/cgroup-v1/memory.rst.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Newer than some distributions' headers. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS _IOW('!', 4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

enum {
  CONTROL_FD = 3,
  LOCK_FD = 4,
  MAX_CALLS = 1024,
  MAX_LIST = 16,
  MAX_VALUES = 16,
  MAX_FAILURES_IN_FULL = 1000,
  MAX_COUNTS = 512,
  MAX_DEFERRED = 64,
  MAX_STEPS = 64, /* that run at one time */
  QUEUE_SOFT = 1 << 20, /* failures are dropped beyond */
  QUEUE_HARD = 2 << 20, /* nothing is queued beyond */
  COMM_CACHE = 1024,
  COMM_FRESH_MS = 100,
  RECLAIM_EVERY_MS = 100,
  RECLAIM_SHOWS_MS = 50,
  KILL_DEADLINE_MS = 10000,
  KILL_STALLED_MS = 2000, /* a group that grows no smaller for so long is given up after the deadline */
  JOINER_ENDS_MS = 1000,
  LATEST_MS = 3000, /* after which memory.stat shows whatever is charged */
};

/* ---- small things ------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void sleep_ms(long ms)
{
  struct timespec ts = {ms / 1000, (ms % 1000) * 1000000};
  nanosleep(&ts, NULL);
}

static bool write_file(const char *path, const char *text)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  ssize_t n = write(fd, text, strlen(text));
  int saved = errno;
  close(fd);
  errno = saved;
  return n == (ssize_t)strlen(text);
}

static ssize_t read_file(const char *path, char *buffer, size_t size)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  size_t used = 0;
  while (used + 1 < size) {
    ssize_t n = read(fd, buffer + used, size - 1 - used);
    if (n <= 0)
      break;
    used += (size_t)n;
  }
  close(fd);
  buffer[used] = '\0';
  return (ssize_t)used;
}

static int64_t read_number(int fd)
{
  char text[32];
  ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
  if (n <= 0)
    return -1;
  text[n] = '\0';
  return strtoll(text, NULL, 10);
}

static void *must(void *memory)
{
  if (memory == NULL)
    abort();
  return memory;
}

/* ---- configuration: what the runner asks for ---------------------------------------------- */

enum action { GATE, REFUSE, WATCH };

struct call {
  uint32_t arch, nr;
  enum action action;
  int error;
  int tcp_error; /* what a TCP socket gets instead, or 0 */
  int64_t need, need_thread; /* bytes that the call charges at least; for clone of a thread */
  bool is_brk, is_exec, leaves, looks; /* by name, found out once */
  bool makes_fd;             /* may make the table of descriptors grow */
  int arg;                   /* the argument that decides whether the call is gated, or -1 */
  uint32_t values[MAX_VALUES];
  int value_count;
  char name[28];
  char detail[12];
  char check[12]; /* "split", "fdtable", "ipc": allocates only if that is so; "tmpfs": the errno differs there */
};

static struct {
  bool gate, aslr, reclaim, errno_enomem;
  int64_t limit, reserve; /* limit -1: none */
  char *usage_file, *max_file, *failcnt_file, *reclaim_file, *lock_file, *trace_file;
  char *refresh_file; /* cgroup v2, where usage_file is memory.stat: cpu.stat */
  char *oom_score; /* the command's; the supervisor has the lowest then */
  char *attribute; /* where the kernel itself enforces: the group's directory in the unified hierarchy */
  char *join[MAX_LIST], *late_join[MAX_LIST], *join_into, *clone_into, *kill_file[MAX_LIST], *directory[MAX_LIST];
  int join_count, late_join_count, kill_file_count, directory_count;
  bool has_identity;
  uid_t uid;
  gid_t gid;
  gid_t *groups;
  size_t group_count;
  bool has_cpus;
  cpu_set_t cpus;
  struct call call[MAX_CALLS];
  int call_count;
} config = {.limit = -1};

static int16_t call_index[4096]; /* open addressing by (arch, nr); 0 is empty, else index + 1 */

static unsigned call_slot(uint32_t arch, uint32_t nr)
{
  return (nr ^ (nr >> 20) ^ (arch * 2654435761u >> 21)) & 4095u;
}

static const struct call *find_call(uint32_t arch, uint32_t nr)
{
  for (unsigned slot = call_slot(arch, nr); call_index[slot] != 0; slot = (slot + 1) & 4095u) {
    const struct call *c = &config.call[call_index[slot] - 1];
    if (c->arch == arch && c->nr == nr)
      return c;
  }
  return NULL;
}

/* "arch:nr:name:action:errno:tcpErrno:need:needThread:detail:check:arg:values" */
static bool parse_call(char *text)
{
  char *field[12];
  for (int i = 0; i < 12; i++)
    if ((field[i] = strsep(&text, ":")) == NULL)
      return false;
  if (config.call_count == MAX_CALLS)
    return false;
  struct call *c = &config.call[config.call_count++];
  c->arch = (uint32_t)strtoul(field[0], NULL, 10);
  c->nr = (uint32_t)strtoul(field[1], NULL, 10);
  snprintf(c->name, sizeof c->name, "%s", field[2]);
  c->action = !strncmp(field[3], "refuse", 6) ? REFUSE : !strcmp(field[3], "watch") ? WATCH : GATE;
  c->makes_fd = strchr(field[3], '+') != NULL;
  c->error = atoi(field[4]);
  c->tcp_error = atoi(field[5]);
  c->need = atoll(field[6]);
  c->need_thread = atoll(field[7]);
  snprintf(c->detail, sizeof c->detail, "%s", field[8]);
  snprintf(c->check, sizeof c->check, "%s", field[9]);
  c->arg = *field[10] ? atoi(field[10]) : -1;
  for (char *v; c->value_count < MAX_VALUES && (v = strsep(&field[11], "|")) != NULL;)
    if (*v)
      c->values[c->value_count++] = (uint32_t)strtoul(v, NULL, 10);
  c->is_brk = !strcmp(c->name, "brk");
  c->is_exec = !strncmp(c->name, "execve", 6);
  c->leaves = !strncmp(c->name, "exit", 4);
  c->looks = !strncmp(c->name, "open", 4) || !strcmp(c->name, "connect") || !strcmp(c->name, "seccomp") || c->action == WATCH;
  unsigned slot = call_slot(c->arch, c->nr);
  while (call_index[slot] != 0)
    slot = (slot + 1) & 4095u;
  call_index[slot] = (int16_t)config.call_count;
  return true;
}

static bool append(char **list, int *count, const char *value)
{
  if (*count == MAX_LIST)
    return false;
  list[(*count)++] = must(strdup(value));
  return true;
}

static bool parse_groups(char *text)
{
  config.groups = must(calloc(65536, sizeof *config.groups));
  for (char *g; (g = strsep(&text, ",")) != NULL;)
    if (*g && config.group_count < 65536)
      config.groups[config.group_count++] = (gid_t)strtoul(g, NULL, 10);
  return true;
}

static bool parse_cpus(char *text)
{
  config.has_cpus = true;
  for (char *c; (c = strsep(&text, ",")) != NULL;) {
    int cpu = atoi(c);
    if (cpu < 0 || cpu >= CPU_SETSIZE)
      return false;
    CPU_SET((size_t)cpu, &config.cpus);
  }
  return true;
}

/* ---- failures asked for, by address ---- */

enum { LINEAGE_LENGTH = 160 };

static struct injection {
  char lineage[LINEAGE_LENGTH], name[28]; /* name: empty for any call */
  uint32_t call;
  bool persistent;
  bool applies; /* to the call that is being decided */
  bool reached;
  uint64_t denials;
  char seen[28]; /* another call at that place, or empty */
} *injections;
static int injection_count;

/* "0.1/17:mmap+"; the runner has checked it. */
static bool parse_injection(const char *text)
{
  injections = must(realloc(injections, (size_t)(injection_count + 1) * sizeof *injections));
  struct injection *i = &injections[injection_count++];
  *i = (struct injection){0};
  size_t n = strlen(text);
  i->persistent = n > 0 && text[n - 1] == '+';
  return sscanf(text, "%159[^/]/%" SCNu32 ":%27[^+]", i->lineage, &i->call, i->name) >= 2;
}

static bool configure(char *text)
{
  char *value = strchr(text, '=');
  if (value == NULL)
    return false;
  *value++ = '\0';
  const char *key = text;
  if (!strcmp(key, "call")) return parse_call(value);
  if (!strcmp(key, "gate")) return config.gate = atoi(value), true;
  if (!strcmp(key, "limit")) return config.limit = atoll(value), true;
  if (!strcmp(key, "reserve")) return config.reserve = atoll(value), true;
  if (!strcmp(key, "errno-enomem")) return config.errno_enomem = atoi(value), true;
  if (!strcmp(key, "aslr")) return config.aslr = atoi(value), true;
  if (!strcmp(key, "reclaim")) return config.reclaim = true, config.reclaim_file = must(strdup(value)), true;
  if (!strcmp(key, "usage")) return config.usage_file = must(strdup(value)), true;
  if (!strcmp(key, "refresh")) return config.refresh_file = must(strdup(value)), true;
  if (!strcmp(key, "failcnt")) return config.failcnt_file = must(strdup(value)), true;
  if (!strcmp(key, "oom-score")) return config.oom_score = must(strdup(value)), true;
  if (!strcmp(key, "attribute")) return config.attribute = must(strdup(value)), true;
  if (!strcmp(key, "max")) return config.max_file = must(strdup(value)), true;
  if (!strcmp(key, "trace")) return config.trace_file = must(strdup(value)), true;
  if (!strcmp(key, "inject")) return parse_injection(value);
  if (!strcmp(key, "lock-file")) return config.lock_file = must(strdup(value)), true;
  if (!strcmp(key, "join")) return append(config.join, &config.join_count, value);
  if (!strcmp(key, "late-join")) return append(config.late_join, &config.late_join_count, value);
  if (!strcmp(key, "join-into")) return config.join_into = must(strdup(value)), true;
  if (!strcmp(key, "clone-into")) return config.clone_into = must(strdup(value)), true;
  if (!strcmp(key, "kill")) return append(config.kill_file, &config.kill_file_count, value);
  if (!strcmp(key, "directory")) return append(config.directory, &config.directory_count, value);
  if (!strcmp(key, "uid")) return config.has_identity = true, config.uid = (uid_t)strtoul(value, NULL, 10), true;
  if (!strcmp(key, "gid")) return config.gid = (gid_t)strtoul(value, NULL, 10), true;
  if (!strcmp(key, "groups")) return parse_groups(value);
  if (!strcmp(key, "cpus")) return parse_cpus(value);
  return false;
}

/* ---- events to the runner: one JSON object a line ------------------------------------------ */

static char *queue;
static size_t queue_used, queue_sent;
static uint64_t events_dropped;

static char line[65536]; /* two paths of escaped characters, and the rest */
static size_t line_used;

static void put_raw(const char *text)
{
  size_t n = strlen(text);
  if (line_used + n < sizeof line) {
    memcpy(line + line_used, text, n);
    line_used += n;
  }
}

/* Bytes of the well-formed UTF-8 character at p (RFC 3629), or 0: names are any bytes, JSON is not. */
static unsigned utf8_length(const unsigned char *p)
{
  unsigned n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
  for (unsigned i = 1; i < n; i++)
    if ((p[i] & 0xc0) != 0x80)
      return 0;
  bool overlong = (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xf0 && p[1] < 0x90);
  bool surrogate = *p == 0xed && p[1] >= 0xa0, beyond = *p == 0xf4 && p[1] >= 0x90;
  return overlong || surrogate || beyond ? 0 : n;
}

static void put_string(const char *text)
{
  put_raw("\"");
  for (const unsigned char *p = (const unsigned char *)text; *p;) {
    char escaped[8];
    unsigned n = utf8_length(p);
    if (*p == '"' || *p == '\\')
      snprintf(escaped, sizeof escaped, "\\%c", *p);
    else if (*p < 0x20 || *p == 0x7f)
      snprintf(escaped, sizeof escaped, "\\u%04x", *p);
    else if (n == 0)
      snprintf(escaped, sizeof escaped, "\\ufffd");
    else
      snprintf(escaped, sizeof escaped, "%.*s", (int)n, (const char *)p);
    put_raw(escaped);
    p += n ? n : 1;
  }
  put_raw("\"");
}

static void event(const char *kind)
{
  line_used = 0;
  put_raw("{\"event\":");
  put_string(kind);
}

static void field_string(const char *key, const char *value)
{
  put_raw(",");
  put_string(key);
  put_raw(":");
  if (value != NULL)
    put_string(value);
  else
    put_raw("null");
}

static void field_number(const char *key, int64_t value)
{
  char text[32];
  snprintf(text, sizeof text, "%" PRId64, value);
  put_raw(",");
  put_string(key);
  put_raw(":");
  put_raw(text);
}

/* A figure that could not be read is null, never a number. */
static void field_figure(const char *key, int64_t value)
{
  if (value >= 0) {
    field_number(key, value);
    return;
  }
  put_raw(",");
  put_string(key);
  put_raw(":null");
}

static void flush_queue(void)
{
  while (queue_sent < queue_used) {
    ssize_t n = send(CONTROL_FD, queue + queue_sent, queue_used - queue_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0)
      return;
    queue_sent += (size_t)n;
  }
  queue_used = queue_sent = 0;
}

static bool event_end(size_t room)
{
  put_raw("}\n");
  if (queue_sent > 0 && queue_used + line_used > room) {
    memmove(queue, queue + queue_sent, queue_used - queue_sent);
    queue_used -= queue_sent;
    queue_sent = 0;
  }
  if (queue_used + line_used > room || line[line_used - 1] != '\n') {
    events_dropped++;
    return false;
  }
  memcpy(queue + queue_used, line, line_used);
  queue_used += line_used;
  return true;
}

static void send_event(void)
{
  event_end(QUEUE_HARD);
  flush_queue();
}

static void send_setup_error(const char *stage, int error, const char *subject)
{
  event("setup-error");
  field_string("stage", stage);
  field_number("errno", error);
  field_string("subject", subject);
  send_event();
}

/* ---- ending a group without the runner ------------------------------------------------------ */

/* Returns how many processes there were. */
static int kill_tree(const char *directory)
{
  char path[PATH_MAX];
  int found = 0;
  DIR *dir = opendir(directory);
  if (dir == NULL)
    return 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    found += kill_tree(path);
  }
  closedir(dir);
  snprintf(path, sizeof path, "%s/cgroup.procs", directory);
  FILE *procs = fopen(path, "re");
  if (procs == NULL)
    return found;
  for (int pid; fscanf(procs, "%d", &pid) == 1;)
    if (pid > 0) {
      found++;
      kill(pid, SIGKILL);
    }
  fclose(procs);
  return found;
}

static void remove_tree(const char *directory)
{
  char path[PATH_MAX];
  DIR *dir = opendir(directory);
  if (dir == NULL)
    return;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    remove_tree(path);
  }
  closedir(dir);
  rmdir(directory);
}

/* A process that is in several directories counts in each. */
static int kill_group_once(void)
{
  int found = 0;
  for (int i = 0; i < config.kill_file_count; i++)
    write_file(config.kill_file[i], "1");
  for (int i = 0; i < config.directory_count; i++)
    found += kill_tree(config.directory[i]);
  return found;
}

static bool group_exists(void)
{
  for (int i = 0; i < config.directory_count; i++)
    if (access(config.directory[i], F_OK) == 0)
      return true;
  return false;
}

/*
 * The runner does this itself while it lives; here it is for when it does not.  While processes go there is no deadline: on
 * a slow machine many of them take longer.
 */
static void kill_and_remove_group(void)
{
  uint64_t deadline = now_ns() + KILL_DEADLINE_MS * 1000000ull;
  int fewest = INT_MAX;
  while (now_ns() < deadline) {
    /* One that is ending is not listed any more, and keeps the directory all the same. */
    bool fewer = false;
    while (waitpid(-1, NULL, WNOHANG) > 0)
      fewer = true;
    int left = kill_group_once();
    fewer |= left < fewest;
    uint64_t stalled = now_ns() + KILL_STALLED_MS * 1000000ull;
    if (fewer && deadline < stalled)
      deadline = stalled;
    if (left < fewest)
      fewest = left;
    if (left == 0)
      for (int i = config.directory_count - 1; i >= 0; i--)
        remove_tree(config.directory[i]);
    if (!group_exists()) {
      if (config.lock_file)
        unlink(config.lock_file);
      return;
    }
    sleep_ms(2);
  }
}

/* Descendants outside the group (one moved itself away) end with the run too.  Returns how many there were. */
static int kill_descendants(void)
{
  char text[4096], path[64];
  int reaped = 0;
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  for (int round = 0; round < 1000; round++) {
    bool found = false;
    if (read_file(path, text, sizeof text) > 0) {
      char *rest = text;
      for (char *word; (word = strsep(&rest, " \n")) != NULL;)
        if (atoi(word) > 0 && kill(atoi(word), SIGKILL) == 0)
          found = true;
    }
    if (!found)
      break;
    sleep_ms(1);
    while (waitpid(-1, NULL, WNOHANG) > 0)
      reaped++;
  }
  return reaped;
}

/* ---- passing descriptors --------------------------------------------------------------------- */

static bool send_message(int sock, const void *data, size_t size, int fd)
{
  struct iovec iov = {(void *)(uintptr_t)data, size};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (fd >= 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.space;
    message.msg_controllen = sizeof control.space;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  ssize_t n;
  do
    n = sendmsg(sock, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == (ssize_t)size;
}

static ssize_t receive_message(int sock, void *data, size_t size, int *fd, int flags)
{
  struct iovec iov = {data, size};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
  ssize_t n;
  do
    n = recvmsg(sock, &message, MSG_CMSG_CLOEXEC | flags);
  while (n < 0 && errno == EINTR);
  if (fd != NULL)
    *fd = -1;
  if (n > 0)
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c))
      if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && fd != NULL)
        memcpy(fd, CMSG_DATA(c), sizeof *fd);
  return n;
}

static void keep_only(int first, int second)
{
  int low = first < second ? first : second, high = first < second ? second : first;
  if (low > 3)
    close_range(3, (unsigned)low - 1, 0);
  if (low >= 3 && high > low + 1)
    close_range((unsigned)low + 1, (unsigned)high - 1, 0);
  close_range((unsigned)(high < 3 ? 3 : high + 1), ~0u, 0);
}

static void quiet_stdio(void)
{
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2 && null >= 0; fd++)
    dup2(null, fd);
}

/* ---- guardian -------------------------------------------------------------------------------- */

static pid_t guardian_pid = -1;
static int guardian_sock = -1;

static void guardian_main(int sock)
{
  setsid();
  prctl(PR_SET_NAME, "kmem-guardian");
  quiet_stdio();
  keep_only(sock, LOCK_FD);
  for (;;) {
    char byte;
    int listener; /* kept open by not closing it */
    ssize_t n = receive_message(sock, &byte, 1, &listener, 0);
    if (n <= 0) {
      kill_and_remove_group();
      _exit(0);
    }
    send_message(sock, "k", 1, -1);
  }
}

static bool start_guardian(void)
{
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return false;
  guardian_pid = fork();
  if (guardian_pid == 0)
    guardian_main(pair[1]);
  close(pair[1]);
  guardian_sock = pair[0];
  return guardian_pid > 0;
}

static bool share_with_guardian(int listener)
{
  char byte;
  return send_message(guardian_sock, "l", 1, listener) && receive_message(guardian_sock, &byte, 1, NULL, 0) == 1;
}

/* ---- clone3 --------------------------------------------------------------------------------- */

/*
 * clone3 as the instruction itself: with CLONE_VM parent and child share the stack, and a wrapper's return address
 * would be overwritten by the child before the parent returns through it.  0 in the child; -errno on failure.
 */
static inline __attribute__((always_inline)) long raw_clone3(struct clone_args *args)
{
#if defined __x86_64__
  long result = SYS_clone3;
  __asm__ volatile("syscall" : "+a"(result) : "D"(args), "S"(sizeof *args) : "rcx", "r11", "memory");
  return result;
#elif defined __aarch64__
  register long nr __asm__("x8") = SYS_clone3;
  register long result __asm__("x0") = (long)args;
  register long size __asm__("x1") = sizeof *args;
  __asm__ volatile("svc #0" : "+r"(result) : "r"(nr), "r"(size) : "memory");
  return result;
#else
  (void)args;
  return -ENOSYS;
#endif
}

/* ---- the counter ----------------------------------------------------------------------------- */

/*
 * cgroup v1 has a file with one exact number and keeps the highest.  v2 does not keep it, and tells kernel memory in
 * memory.stat, which the kernel brings up to date late: after changes of more than 64 pages a CPU, or 2 s.
 *
 *   refreshed   up to Linux 6.15 a read of the group's cpu.stat brings it up to date
 *   stirred     from 6.16 on that is another matter.  But all changes count alike: pages of a file that are charged to
 *               the group, mapped and unmapped by us, are enough of them after a few rounds
 *   late        neither: before 5.13, or not found out yet
 *
 * Which it is, is found out before the first step: a process that is in the group for that has the file's pages charged
 * to it, and the bytes that memory.stat says are mapped must follow what we do with them.
 */
enum freshness { EXACT, LATE, REFRESHED, STIRRED };

enum {
  STIRRED_PAGES = 16, /* what one page fault maps: fault_around_bytes */
  STIRRED_BYTES = STIRRED_PAGES * 4096,
  FILE_PAGES = 64, /* a page cache of more than one page has a node: the last page is ours, and so is the node */
  LATE_PAGES = 64,  /* a CPU's changes of which the kernel takes no notice (MEMCG_CHARGE_BATCH) */
  MOST_STIRRING = 8,
  TRIALS = 3, /* a change may show by chance */
  STAT_SIZE = 8192,
};

static struct {
  enum freshness freshness;
  int usage_fd, refresh_fd, file;
  int rounds;
  volatile char *pages;
  char stat[STAT_SIZE], at_peak[STAT_SIZE];
} counter = {.usage_fd = -1, .refresh_fd = -1, .file = -1};

/* The figure of a key of memory.stat, or -1. */
static int64_t stat_figure(const char *text, const char *key)
{
  size_t length = strlen(key);
  for (const char *row = text; row != NULL; row = strchr(row, '\n')) {
    row += *row == '\n';
    if (!strncmp(row, key, length) && row[length] == ' ')
      return strtoll(row + length + 1, NULL, 10);
  }
  return -1;
}

static const char *const kernel_parts[] = {"slab", "kernel_stack", "pagetables", "percpu", "vmalloc"};

/* Before 5.18 the kernel does not add it up itself. */
static int64_t kernel_memory(const char *text)
{
  int64_t sum = stat_figure(text, "kernel");
  if (sum >= 0 || stat_figure(text, "pagetables") < 0)
    return sum;
  sum = 0;
  for (unsigned i = 0; i < sizeof kernel_parts / sizeof *kernel_parts; i++) {
    int64_t part = stat_figure(text, kernel_parts[i]);
    sum += part > 0 ? part : 0;
  }
  return sum;
}

static void map_pages(bool mapped)
{
  if (!mapped)
    madvise((void *)(uintptr_t)counter.pages, STIRRED_BYTES, MADV_DONTNEED);
  for (int i = 0; mapped && i < STIRRED_PAGES; i++)
    (void)counter.pages[i * 4096];
}

/* Leaves them as they were. */
static void stir(bool mapped)
{
  for (int round = 0; round < counter.rounds; round++) {
    map_pages(!mapped);
    map_pages(mapped);
  }
}

static bool read_stat(void)
{
  ssize_t n = pread(counter.usage_fd, counter.stat, sizeof counter.stat - 1, 0);
  counter.stat[n > 0 ? n : 0] = '\0';
  return n > 0;
}

static void refresh(bool mapped)
{
  char text[STAT_SIZE];
  if (counter.freshness == STIRRED)
    stir(mapped);
  else if (pread(counter.refresh_fd, text, sizeof text, 0) < 0)
    return; /* then it is late */
}

/* Does memory.stat show at once what changes? */
static bool shows(enum freshness freshness)
{
  int64_t before = -1;
  counter.freshness = freshness;
  for (int i = 0; i <= TRIALS; i++) {
    bool mapped = i % 2 == 1;
    map_pages(mapped);
    refresh(mapped);
    if (!read_stat())
      return false;
    int64_t now = stat_figure(counter.stat, "file_mapped");
    if (i > 0 && now - before != (mapped ? STIRRED_BYTES : -STIRRED_BYTES))
      return false;
    before = now;
  }
  return true;
}

static void find_freshness(long cpus)
{
  char *area = mmap(NULL, 2 * STIRRED_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uintptr_t aligned = ((uintptr_t)area + STIRRED_BYTES - 1) & ~(uintptr_t)(STIRRED_BYTES - 1);
  if (area == MAP_FAILED ||
      mmap((void *)aligned, STIRRED_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, counter.file, 0) == MAP_FAILED)
    return;
  counter.pages = (void *)aligned;
  if (counter.refresh_fd >= 0 && shows(REFRESHED)) {
    /* Nothing more of them is needed. */
    munmap(area, 2 * STIRRED_BYTES);
    if (ftruncate(counter.file, 0) == 0)
      close(counter.file);
    counter.file = -1;
    return;
  }
  for (int factor = 1; factor <= MOST_STIRRING; factor *= 2) {
    counter.rounds = (int)(cpus + 2) * LATE_PAGES / (2 * STIRRED_PAGES) * factor;
    if (shows(STIRRED)) {
      map_pages(false);
      return;
    }
  }
  counter.freshness = LATE;
}

/* Pages are charged to the group of whose address space it is, so this is no thread, and nothing like vfork. */
static void charge_pages(void)
{
  int directory = open(config.join_into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)directory};
  long pid = directory < 0 ? -1 : raw_clone3(&args);
  bool joins = pid == -ENOSYS; /* some container profiles have no clone3 */
  if (joins)
    pid = fork();
  if (pid == 0) {
    int procs = joins ? openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC) : -1;
    bool charged = !joins || write(procs, "0", 1) == 1;
    for (int i = 0; i < STIRRED_PAGES; i++)
      charged &= pwrite(counter.file, "", 1, i * 4096) == 1;
    _exit(!charged);
  }
  if (pid > 0)
    waitpid((pid_t)pid, NULL, 0);
  if (directory >= 0)
    close(directory);
}

static void prepare_counter(long cpus)
{
  counter.file = memfd_create("kmem-gate", MFD_CLOEXEC);
  if (counter.file < 0 || ftruncate(counter.file, FILE_PAGES * 4096) < 0 ||
      pwrite(counter.file, "", 1, (FILE_PAGES - 1) * 4096) != 1)
    return;
  charge_pages();
  find_freshness(cpus);
}

static bool open_counter(void)
{
  counter.usage_fd = open(config.usage_file, O_RDONLY | O_CLOEXEC);
  if (counter.usage_fd < 0)
    return false;
  if (config.refresh_file) {
    counter.freshness = LATE;
    counter.refresh_fd = open(config.refresh_file, O_RDONLY | O_CLOEXEC);
  }
  return true;
}

static int64_t read_counter(void)
{
  if (counter.freshness == EXACT)
    return read_number(counter.usage_fd);
  refresh(false);
  return read_stat() ? kernel_memory(counter.stat) : -1;
}

/* How far a reading may be from the truth: what each CPU keeps to itself, and what they have told together. */
static int64_t counter_lag(long cpus)
{
  return counter.freshness == LATE ? (int64_t)cpus * LATE_PAGES * 2 * 4096 : 0;
}

/* ---- reclaimer ------------------------------------------------------------------------------- */

static pid_t reclaimer_pid = -1;
static int reclaimer_sock = -1;
static bool reclaiming;
static uint64_t last_reclaim_ns;
static int64_t reclaims;

static void start_reclaimer(void)
{
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return;
  reclaimer_pid = fork();
  if (reclaimer_pid == 0) {
    setsid();
    prctl(PR_SET_NAME, "kmem-reclaimer");
    quiet_stdio();
    keep_only(pair[1], pair[1]);
    if (!open_counter())
      _exit(1);
    for (char byte; receive_message(pair[1], &byte, 1, NULL, 0) == 1;) {
      int64_t before = read_counter();
      write_file(config.reclaim_file, config.refresh_file ? "1T" : "0"); /* v2: as much as there is */
      /* Reclaimed objects are freed after a grace period of RCU. */
      for (int ms = 0; ms < RECLAIM_SHOWS_MS && read_counter() >= before; ms++)
        sleep_ms(1);
      send_message(pair[1], "r", 1, -1);
    }
    _exit(0);
  }
  close(pair[1]);
  reclaimer_sock = pair[0];
}

/* ---- the filter, generated from the policy ---------------------------------------------------- */

static struct sock_filter program[BPF_MAXINSNS];
static unsigned program_length;

static void emit(uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
  if (program_length < BPF_MAXINSNS)
    program[program_length++] = (struct sock_filter){code, yes, no, k};
}

/* x32 numbers are x86-64's with this bit, but for a few; masked, both share one list. */
#define X32_BIT 0x40000000u

/*
 * One instruction a call: a jump to the end of the block if it is one of those.  Jumps reach 255 instructions, so
 * the list comes in blocks.  A short filter matters: before the group is joined it costs the group nothing, but a
 * program that forks shares it, and the kernel runs it for every call it has not cached as allowed.
 */
static void emit_block(const uint32_t *numbers, unsigned count)
{
  for (unsigned i = 0; i < count; i++)
    emit(BPF_JMP | BPF_JEQ | BPF_K, numbers[i], (uint8_t)(count - i), 0);
  emit(BPF_JMP | BPF_JA, 1, 0, 0);
  emit(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF, 0, 0);
}

static void emit_conditional(const struct call *c)
{
  /* Values that decide are small constants: the low half of the argument tells (little endian). */
  uint8_t values = (uint8_t)c->value_count;
  emit(BPF_JMP | BPF_JEQ | BPF_K, c->nr & ~X32_BIT, 0, (uint8_t)(values + 3));
  emit(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (unsigned)c->arg), 0, 0);
  for (uint8_t i = 0; i < values; i++)
    emit(BPF_JMP | BPF_JEQ | BPF_K, c->values[i], (uint8_t)(values - i), 0);
  emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  emit(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF, 0, 0);
}

static bool listed(const uint32_t *numbers, unsigned count, uint32_t number)
{
  for (unsigned i = 0; i < count; i++)
    if (numbers[i] == number)
      return true;
  return false;
}

static void emit_arch(uint32_t arch)
{
  uint32_t plain[MAX_CALLS], conditional[MAX_CALLS];
  unsigned plain_count = 0, conditional_count = 0;
  emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
  emit(BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0);
  unsigned skip = program_length;
  emit(BPF_JMP | BPF_JA, 0, 0, 0);
  emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
  emit(BPF_ALU | BPF_AND | BPF_K, ~X32_BIT, 0, 0);
  for (int i = 0; i < config.call_count; i++) {
    const struct call *c = &config.call[i];
    uint32_t number = c->nr & ~X32_BIT;
    if (c->arch != arch)
      continue;
    if (c->arg < 0 && !listed(plain, plain_count, number))
      plain[plain_count++] = number;
    if (c->arg >= 0 && !listed(conditional, conditional_count, number)) {
      conditional[conditional_count++] = number;
      emit_conditional(c);
    }
  }
  for (unsigned i = 0; i < plain_count; i += 200)
    emit_block(plain + i, plain_count - i < 200 ? plain_count - i : 200);
  emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  program[skip].k = program_length - skip - 1;
}

static bool build_filter(void)
{
  uint32_t done[8];
  int done_count = 0;
  for (int i = 0; i < config.call_count; i++) {
    bool seen = false;
    for (int k = 0; k < done_count; k++)
      seen |= done[k] == config.call[i].arch;
    if (seen || done_count == 8)
      continue;
    done[done_count++] = config.call[i].arch;
    emit_arch(config.call[i].arch);
  }
  emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  return program_length < BPF_MAXINSNS;
}

/* Returns the listener, or -1. `no_new_privs` tells whether that had to be set. */
static int install_filter(struct sock_fprog *prog, bool *no_new_privs)
{
  static const unsigned long flags[] = {
      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, SECCOMP_FILTER_FLAG_NEW_LISTENER};
  *no_new_privs = false;
  for (unsigned i = 0; i < 2;) {
    int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags[i], prog);
    if (fd >= 0)
      return fd;
    if (errno == EACCES && !*no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
      *no_new_privs = true;
    else if (errno == EINVAL)
      i++;
    else
      return -1;
  }
  return -1;
}

/* ---- a step: joiner and command ---------------------------------------------------------------- */

struct step_request {
  char *path, *directory;
  char **argv, **envp;
  bool null_stdin, background;
};

struct status {
  char kind; /* 'L', 'N', 'C', 'E'; to the child: 'f', 'g' */
  bool no_new_privs;
  int error;
  int pid;
  char stage[16];
};

enum step_state { IDLE, JOINING, FORKING, EXECUTING };

/* The hand-over: of one step at a time. */
static struct {
  int index; /* of the step that began last; -1 before the first */
  enum step_state state;
  pid_t joiner, command;
  bool joiner_reaped, has_deputy;
  int sock;
  uint64_t fork_denied, exec_denied;
  bool no_new_privs;
  bool ended; /* the command has, and the joiner not yet: its status, and when */
  int status;
  uint64_t ended_ns;
} step = {.index = -1, .sock = -1};

/* The steps that have begun and not ended, in that order: the last one may be in its hand-over. */
static struct running {
  int index;
  pid_t command; /* -1: there is none yet */
  bool background;
  uint64_t denials;
  int64_t failcnt_before, failcnt_after; /* the kernel's counter; after: -1 until the next step begins, or "close" */
  int64_t max;                           /* the highest that was read; what the kernel keeps comes on top */
} running[MAX_STEPS];
static int running_count;
enum { NO_STEP = -1, OUTSIDE = -2 };
static struct running ended_last = {.index = NO_STEP}; /* its account is open; OUTSIDE: of a step of the runner's own */
static int origin = -1; /* the step that the call which is being answered comes from */

static struct running *running_step(int index)
{
  for (int i = 0; i < running_count; i++)
    if (running[i].index == index)
      return &running[i];
  return NULL;
}

static struct running *step_of_command(pid_t pid)
{
  for (int i = 0; i < running_count; i++)
    if (running[i].command == pid)
      return &running[i];
  return NULL;
}

static void forget_step(int index)
{
  struct running *r = running_step(index), *end = &running[running_count];
  if (r == NULL)
    return;
  memmove(r, r + 1, (size_t)(end - (r + 1)) * sizeof *r);
  running_count--;
}

/*
 * On which step something is booked: the one it comes from while that runs, else the latest, in the foreground first;
 * while none runs, the one that ended last.
 */
static struct running *step_to_book(int from)
{
  struct running *found = running_step(from);
  for (int i = 0; found == NULL && i < running_count; i++)
    if (!running[running_count - 1 - i].background)
      found = &running[running_count - 1 - i];
  if (found == NULL && running_count > 0)
    return &running[running_count - 1];
  return found == NULL && ended_last.index != NO_STEP ? &ended_last : found;
}

/* Its index, or -1: there is none. */
static int64_t booked_on(int from)
{
  const struct running *r = step_to_book(from);
  return r == NULL ? -1 : r->index;
}

static sigset_t original_mask;

static _Noreturn void child_fail(int sock, const char *stage)
{
  struct status s = {.kind = 'E', .error = errno};
  snprintf(s.stage, sizeof s.stage, "%s", stage);
  send_message(sock, &s, sizeof s, -1);
  _exit(126);
}

static void await(int sock, char kind)
{
  struct status s;
  if (receive_message(sock, &s, sizeof s, NULL, 0) != sizeof s || s.kind != kind)
    _exit(126);
}

static void setup_stdin(int sock, const struct step_request *request)
{
  if (!request->null_stdin)
    return;
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || dup2(null, 0) < 0)
    child_fail(sock, "stdin");
  close(null);
}

static void setup_randomisation(int sock)
{
  if (config.aslr)
    return;
  int current = personality(0xffffffff);
  if (current < 0 || personality((unsigned long)current | ADDR_NO_RANDOMIZE) < 0)
    child_fail(sock, "personality");
}

/* The supervisor's own is not for the command. */
static void setup_oom_score(int sock)
{
  if (config.oom_score && !write_file("/proc/self/oom_score_adj", config.oom_score))
    child_fail(sock, "oom-score");
}

static void setup_affinity(int sock)
{
  if (config.has_cpus && sched_setaffinity(0, sizeof config.cpus, &config.cpus) < 0)
    child_fail(sock, "affinity");
}

static int setup_filter(int sock, struct status *s)
{
  if (!config.gate)
    return -1;
  struct sock_fprog prog = {(unsigned short)program_length, program};
  int listener = install_filter(&prog, &s->no_new_privs);
  if (listener < 0)
    child_fail(sock, "listener");
  return listener;
}

static void setup_signals(void)
{
  for (int s = 1; s < NSIG; s++)
    if (s != SIGKILL && s != SIGSTOP)
      signal(s, SIG_DFL);
  sigprocmask(SIG_SETMASK, &original_mask, NULL);
}

static void setup_identity(int sock)
{
  if (!config.has_identity)
    return;
  if (setgroups(config.group_count, config.groups) < 0 || setresgid(config.gid, config.gid, config.gid) < 0 ||
      setresuid(config.uid, config.uid, config.uid) < 0)
    child_fail(sock, "identity");
}

static void setup_directory(int sock, const struct step_request *request)
{
  if (request->directory && chdir(request->directory) < 0)
    child_fail(sock, "directory");
}

/* Opened before the join, so that the group is not charged for it; used after. */
static struct {
  int join[MAX_LIST], late_join[MAX_LIST], join_into, clone_into;
} opened = {.join_into = -1, .clone_into = -1};

static void setup_descriptors(int sock)
{
  for (int i = 0; i < config.join_count; i++)
    if ((opened.join[i] = open(config.join[i], O_WRONLY | O_CLOEXEC)) < 0)
      child_fail(sock, "join");
  for (int i = 0; i < config.late_join_count; i++)
    if ((opened.late_join[i] = open(config.late_join[i], O_WRONLY | O_CLOEXEC)) < 0)
      child_fail(sock, "join");
  if (config.join_into && (opened.join_into = open(config.join_into, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
    child_fail(sock, "join");
  if (config.clone_into && (opened.clone_into = open(config.clone_into, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
    child_fail(sock, "join");
}

static void join_group(int sock, const int *files, int count)
{
  for (int i = 0; i < count; i++)
    if (write(files[i], "0", 1) != 1)
      child_fail(sock, "join");
}

static void join_directory(int sock, int directory)
{
  int procs = openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  join_group(sock, &procs, 1);
}

static _Noreturn void command_main(int sock, const struct step_request *request)
{
  struct status s = {.kind = 'C', .pid = getpid()};
  join_group(sock, opened.late_join, config.late_join_count);
  send_message(sock, &s, sizeof s, -1);
  await(sock, 'g');
  setup_affinity(sock);
  setup_identity(sock);
  setup_directory(sock, request);
  setup_signals();
  execve(request->path, request->argv, request->envp);
  if (errno == ENOEXEC) { /* as execvp(3): a script without #! */
    size_t n = 0;
    while (request->argv[n])
      n++;
    char *argv[n + 2];
    argv[0] = (char *)(uintptr_t) "sh";
    argv[1] = request->path;
    for (size_t i = 1; i <= n; i++)
      argv[i + 1] = request->argv[i];
    execve("/bin/sh", argv, request->envp);
  }
  child_fail(sock, "exec");
}

/*
 * Like vfork: the command borrows the joiner's address space until it execs, so that no copy of ours is charged to
 * the group.  CLONE_PARENT makes it the supervisor's child.  Returns in the joiner only: 0, or an errno.
 */
static __attribute__((noinline)) int start_command(int sock, const struct step_request *request)
{
  struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT};
  if (opened.clone_into >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (uint64_t)opened.clone_into;
  }
  long pid = raw_clone3(&args);
  if (pid == 0)
    command_main(sock, request);
  if (pid > 0)
    return 0;
  if (pid != -ENOSYS && pid != -EINVAL)
    return (int)-pid;
  /* Some container profiles have no clone3; the command then moves itself. */
  pid_t forked = fork();
  if (forked == 0) {
    if (opened.clone_into >= 0)
      join_directory(sock, opened.clone_into);
    command_main(sock, request);
  }
  return forked < 0 ? errno : 0;
}

/*
 * On v2 there is no way to join that does not wait for an RCU grace period, but to be born there.  So the joiner has a
 * deputy, like vfork too, in a leaf of the group; what a task's creation costs is charged to its parent's group: the
 * deputy to ours, and the command to the group.  Returns in the joiner only: 0, or an errno.
 */
static __attribute__((noinline)) int start_by_deputy(int sock, const struct step_request *request)
{
  struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_INTO_CGROUP,
                            .cgroup = (uint64_t)opened.join_into};
  long pid = raw_clone3(&args);
  if (pid == 0) {
    errno = start_command(sock, request);
    if (errno != 0)
      child_fail(sock, "fork");
    _exit(0);
  }
  return pid > 0 ? 0 : (int)-pid;
}

static int start_in_group(int sock, const struct step_request *request)
{
  if (opened.join_into < 0)
    return start_command(sock, request);
  int error = start_by_deputy(sock, request);
  if (error != ENOSYS && error != EINVAL)
    return error;
  join_directory(sock, opened.join_into);
  return start_command(sock, request);
}

static _Noreturn void joiner_main(int sock, const struct step_request *request)
{
  if (sock != 3) {
    dup3(sock, 3, O_CLOEXEC);
    sock = 3;
  }
  close_range(4, ~0u, 0);
  setup_stdin(sock, request);
  setup_randomisation(sock);
  setup_oom_score(sock);
  setup_descriptors(sock);
  struct status s = {.kind = 'N'};
  int listener = setup_filter(sock, &s);
  if (listener >= 0)
    s.kind = 'L';
  if (!send_message(sock, &s, sizeof s, listener))
    _exit(126);
  await(sock, 'f');
  if (listener >= 0)
    close(listener);
  join_group(sock, opened.join, config.join_count);
  errno = start_in_group(sock, request);
  if (errno != 0)
    child_fail(sock, "fork");
  _exit(0);
}

/* ---- supervisor: state -------------------------------------------------------------------------- */

enum tag { TAG_CONTROL, TAG_SIGNALS, TAG_STATUS, TAG_RECLAIMER, TAG_LISTENER, TAG_REFUSALS, TAG_LIVELOCK, TAG_READING, TAG_DEATH };

static int epoll_fd = -1;
static uint64_t cpu_count = 1;
static int max_fd = -1, failcnt_fd = -1;
static uint64_t start_ns; /* when the first step was let go */
static bool closed;       /* the run is over: the figures stay as they are */
static int64_t overall_max = -1, peak_seen = -1, step_peak = -1;
static int64_t limit_max = -1; /* since the limit has changed */
static uint64_t denials, refusals, gated_calls, failures_sent, failures_dropped;
static bool sync_wake_up;
static struct seccomp_notif *notif;
static struct seccomp_notif_resp *response;
static size_t notif_size;

static void watch_for_step(int fd, enum tag tag, int index)
{
  uint64_t data = (uint64_t)index << 40 | (uint64_t)tag << 32 | (uint32_t)fd;
  struct epoll_event e = {.events = EPOLLIN, .data.u64 = data};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

static void watch(int fd, enum tag tag)
{
  watch_for_step(fd, tag, 0);
}

static void unwatch(int fd)
{
  epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
  close(fd);
}

/*
 * Where the kernel does not keep the highest usage it is that of all readings: as many as can be had for a tenth of the
 * time, before gated calls and by a timer, and one before each exit.  In between it can have been higher by about as much
 * as the largest rise from one reading to the next.
 */
enum { READING_SHARE = 10, READ_EVERY_MS = 10 };

static struct {
  int64_t last, largest_rise;
  uint64_t done_ns, cost_ns; /* of the last one */
  int timer;
} reading = {.last = -1, .timer = -1};

static void note_reading(int64_t usage, uint64_t began_ns)
{
  reading.done_ns = now_ns();
  reading.cost_ns = reading.done_ns - began_ns;
  if (start_ns != 0 && usage - reading.last > reading.largest_rise)
    reading.largest_rise = usage - reading.last;
  reading.last = usage;
  if (usage > step_peak)
    step_peak = usage;
}

static int64_t read_usage(void)
{
  uint64_t began = counter.freshness == EXACT ? 0 : now_ns();
  int64_t usage = read_counter();
  if (usage < 0 || closed)
    return usage;
  if (counter.freshness != EXACT) {
    note_reading(usage, began);
    if (usage > peak_seen)
      memcpy(counter.at_peak, counter.stat, sizeof counter.at_peak);
  }
  if (usage > peak_seen)
    peak_seen = usage;
  return usage;
}

static bool may_read_again(uint64_t now)
{
  return counter.freshness != EXACT && now - reading.done_ns >= READING_SHARE * reading.cost_ns;
}

static void read_in_a_while(void)
{
  uint64_t pause = READING_SHARE * reading.cost_ns;
  if (pause < READ_EVERY_MS * 1000000ull)
    pause = READ_EVERY_MS * 1000000ull;
  struct itimerspec once = {.it_value = {(time_t)(pause / 1000000000u), (long)(pause % 1000000000u)}};
  timerfd_settime(reading.timer, 0, &once, NULL);
}

static void handle_reading(void)
{
  uint64_t expirations;
  if (read(reading.timer, &expirations, sizeof expirations) < 0 || closed)
    return;
  read_usage();
  read_in_a_while();
}

static void start_reading(void)
{
  if (counter.freshness == EXACT || reading.timer >= 0)
    return;
  reading.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  watch(reading.timer, TAG_READING);
  read_in_a_while();
}

static void raise_to(int64_t *highest, int64_t usage)
{
  if (usage > *highest)
    *highest = usage;
}

/* The highest since it was forgotten, for all that it matters to. */
static void note_max(void)
{
  if (closed)
    return;
  if (counter.freshness != EXACT)
    read_usage();
  int64_t max = counter.freshness == EXACT ? read_number(max_fd) : step_peak;
  raise_to(&overall_max, max);
  raise_to(&limit_max, max);
  for (int i = 0; i < running_count; i++)
    raise_to(&running[i].max, max);
  raise_to(&ended_last.max, max);
}

/* Before the first step there is none. */
static void note_max_of_run(void)
{
  if (start_ns != 0)
    note_max();
}

static int64_t max_of_run(void)
{
  return counter.freshness == EXACT ? overall_max : peak_seen;
}

static void forget_max(void)
{
  if (closed)
    return;
  step_peak = -1;
  if (config.max_file)
    write_file(config.max_file, "0");
}

/* ---- supervisor: what a denied call was about ----------------------------------------------------- */

static bool read_memory(pid_t tid, uint64_t address, void *data, size_t size)
{
  struct iovec local = {data, size}, remote = {(void *)(uintptr_t)address, size};
  return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

static bool read_string(pid_t tid, uint64_t address, char *text, size_t size)
{
  size_t used = 0;
  while (address != 0 && used + 1 < size) {
    size_t chunk = 4096 - (address + used) % 4096; /* never across a page that may be missing */
    if (chunk > size - 1 - used)
      chunk = size - 1 - used;
    if (!read_memory(tid, address + used, text + used, chunk))
      return false;
    if (memchr(text + used, '\0', chunk))
      return true;
    used += chunk;
  }
  text[used] = '\0';
  return used > 0;
}

static void detail_mmap(pid_t tid, uint64_t length, int fd, bool anonymous, char *text, size_t size)
{
  char link[64], target[PATH_MAX];
  if (!anonymous && fd >= 0) {
    snprintf(link, sizeof link, "/proc/%d/fd/%d", tid, fd);
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n > 0) {
      target[n] = '\0';
      snprintf(text, size, "%s", target);
      return;
    }
  }
  snprintf(text, size, "%" PRIu64 " bytes", length);
}

static void detail_clone(uint64_t flags, char *text, size_t size)
{
  static const struct {
    uint64_t bit;
    const char *name;
  } names[] = {{0x00000100, "CLONE_VM"},     {0x00004000, "CLONE_VFORK"},   {0x00010000, "CLONE_THREAD"},
               {0x00020000, "CLONE_NEWNS"},  {0x02000000, "CLONE_NEWCGROUP"}, {0x04000000, "CLONE_NEWUTS"},
               {0x08000000, "CLONE_NEWIPC"}, {0x10000000, "CLONE_NEWUSER"}, {0x20000000, "CLONE_NEWPID"},
               {0x40000000, "CLONE_NEWNET"}};
  snprintf(text, size, "%s", flags & 0x00010000 ? "thread" : "process");
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
    if (flags & names[i].bit && names[i].bit != 0x00010000) {
      size_t n = strlen(text);
      snprintf(text + n, size - n, " %s", names[i].name);
    }
}

static const char *family_name(uint64_t family)
{
  switch (family) {
  case AF_UNIX: return "AF_UNIX";
  case AF_INET: return "AF_INET";
  case AF_INET6: return "AF_INET6";
  case AF_NETLINK: return "AF_NETLINK";
  case AF_PACKET: return "AF_PACKET";
  default: return NULL;
  }
}

static const char *type_name(uint64_t type)
{
  switch (type & 0xf) {
  case SOCK_STREAM: return "SOCK_STREAM";
  case SOCK_DGRAM: return "SOCK_DGRAM";
  case SOCK_RAW: return "SOCK_RAW";
  case SOCK_SEQPACKET: return "SOCK_SEQPACKET";
  default: return "SOCK_?";
  }
}

static uint64_t clone_flags(const struct call *c, const struct seccomp_notif *n)
{
  uint64_t flags = 0;
  if (!strcmp(c->name, "clone"))
    flags = n->data.args[0];
  else if (!strcmp(c->name, "clone3"))
    read_memory((pid_t)n->pid, n->data.args[0], &flags, sizeof flags);
  else if (!strcmp(c->name, "vfork"))
    flags = 0x4100;
  return flags;
}

static bool detail_address(pid_t tid, uint64_t address, uint64_t length, char *text, size_t size)
{
  struct sockaddr_un un;
  memset(&un, 0, sizeof un);
  if (length > sizeof un)
    length = sizeof un;
  if (length < 2 || !read_memory(tid, address, &un, length))
    return false;
  if (un.sun_family == AF_UNIX)
    snprintf(text, size, "AF_UNIX %s%.*s", un.sun_path[0] ? "" : "@", (int)(sizeof un.sun_path - 1),
             un.sun_path[0] ? un.sun_path : un.sun_path + 1);
  else
    snprintf(text, size, "%s", family_name(un.sun_family) ? family_name(un.sun_family) : "address");
  return true;
}

static const char *describe(const struct call *c, const struct seccomp_notif *n, char *text, size_t size)
{
  const uint64_t *a = (const uint64_t *)n->data.args;
  pid_t tid = (pid_t)n->pid;
  if (!strncmp(c->detail, "path", 4))
    return read_string(tid, a[c->detail[4] - '0'], text, size) ? text : NULL;
  if (!strncmp(c->detail, "size", 4))
    return snprintf(text, size, "%" PRIu64 " bytes", a[c->detail[4] - '0']), text;
  if (!strncmp(c->detail, "fd", 2))
    return snprintf(text, size, "fd %d", (int)a[c->detail[2] - '0']), text;
  if (!strcmp(c->detail, "mmap"))
    return detail_mmap(tid, a[1], (int)a[4], (a[3] & 0x20) != 0, text, size), text;
  if (!strcmp(c->detail, "clone"))
    return detail_clone(clone_flags(c, n), text, size), text;
  if (!strcmp(c->detail, "socket")) {
    const char *family = family_name(a[0]);
    char number[16];
    snprintf(number, sizeof number, "AF_%d", (int)a[0]);
    return snprintf(text, size, "%s %s", family ? family : number, type_name(a[1])), text;
  }
  if (!strcmp(c->detail, "address"))
    return detail_address(tid, a[1], a[2], text, size) ? text : NULL;
  return NULL;
}

static const char *executable(pid_t tid, char *text, size_t size)
{
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/exe", tid);
  ssize_t n = readlink(path, text, size - 1);
  if (n <= 0)
    return NULL;
  text[n] = '\0';
  return text;
}

/* A number of /proc/PID/status, or 0. */
static uint64_t status_number(const char *status, const char *key)
{
  const char *field = strstr(status, key);
  return field ? strtoull(field + strlen(key), NULL, 10) : 0;
}

/* The step that a process comes from, by its parents; -1: one of them has ended, or there is nothing to tell apart. */
static int step_by_parents(pid_t pid)
{
  char path[40], text[1024];
  for (int generation = 0; running_count > 1 && pid > 1 && generation < 64; generation++) {
    const struct running *r = step_of_command(pid);
    if (r != NULL)
      return r->index;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    pid = read_file(path, text, sizeof text) > 0 ? (pid_t)status_number(text, "\nPPid:") : 0;
  }
  return -1;
}

static pid_t thread_group(pid_t tid)
{
  char path[40], text[1024];
  snprintf(path, sizeof path, "/proc/%d/status", tid);
  if (read_file(path, text, sizeof text) <= 0)
    return -1;
  const char *tgid = strstr(text, "\nTgid:");
  return tgid ? atoi(tgid + 6) : -1;
}

/* comm by tid; it may change (exec, prctl), so an entry is trusted for a short while only. */
static struct {
  pid_t tid;
  uint64_t read_ns;
  char comm[20];
} comms[COMM_CACHE];

static void forget_comm(pid_t tid)
{
  comms[(unsigned)tid % COMM_CACHE].tid = 0;
}

static const char *comm_of(pid_t tid, uint64_t now)
{
  unsigned slot = (unsigned)tid % COMM_CACHE;
  if (comms[slot].tid == tid && now - comms[slot].read_ns < COMM_FRESH_MS * 1000000ull)
    return comms[slot].comm;
  char path[40], text[64];
  snprintf(path, sizeof path, "/proc/%d/comm", tid);
  ssize_t n = read_file(path, text, sizeof text);
  if (n <= 0)
    return NULL;
  if (text[n - 1] == '\n')
    text[n - 1] = '\0';
  comms[slot].tid = tid;
  comms[slot].read_ns = now;
  snprintf(comms[slot].comm, sizeof comms[slot].comm, "%.19s", text);
  return comms[slot].comm;
}

#include "crashes.c"

/* ---- supervisor: lineage ---------------------------------------------------------------------------- */

/*
 * A task's address does not depend on pids or scheduling: the step that it comes from, then for each generation
 * which of the parent's clones made it ("0.2" is what the second clone of step 0's command made; "0.t1" its first
 * thread), then how many gated calls it has made: "0.2/17:mmap".  The fork that starts the step is "0/0:clone3".
 *
 * A clone is seen at its entry, before the child has a pid.  There is a look at a thread's children whenever it clones
 * again, so a child that nobody knows is that of its parent's latest clone.  The other moments to look are the child's
 * own first call and the parent's exit (exit and exit_group are watched for that: afterwards it would be our child).
 * /proc tells no parent of a thread; but the kernel writes a new thread's tid to where CLONE_PARENT_SETTID says, which C
 * libraries ask for.  Without it a thread has an address only where a single clone can have made it.
 *
 * A clone whose child was never seen, and which comes again from the same place, is the same one: fork is restarted
 * when a signal is pending.
 */
enum { MAX_TASKS = 8192, PROBES = 64, ADDRESS_LENGTH = 224, CLONE_THREAD_FLAG = 0x00010000 };

static struct task {
  bool used, exits; /* exits: its tid may come back as another task's */
  bool starts;      /* ours, which forks the step: its calls have no number */
  bool process_pending, thread_pending; /* the child of the latest clone has not been seen */
  pid_t tid, tgid, parent;
  uint32_t calls, processes, threads;
  uint64_t start;       /* as /proc tells it: with the tid it names a task for good */
  uint64_t tid_address; /* where the tid of the latest thread is written, or 0 */
  struct seccomp_data last;
  char lineage[LINEAGE_LENGTH];
} *tasks;
static bool tracking;

static uint64_t start_of(pid_t tid)
{
  char path[40], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", tid);
  char *field = read_file(path, text, sizeof text) > 0 ? strrchr(text, ')') : NULL;
  for (int i = 2; field != NULL && i < 22; i++) /* proc(5): field 22 */
    field = strchr(field + 1, ' ');
  return field ? strtoull(field, NULL, 10) : 0;
}

static struct task *find_task(pid_t tid)
{
  for (unsigned i = 0; i < PROBES; i++) {
    struct task *t = &tasks[((unsigned)tid + i) % MAX_TASKS];
    if (t->used && t->tid == tid)
      return t;
  }
  return NULL;
}

/* A new entry, in place of an old one of the same tid; NULL: no room, the task has no address. */
static struct task *make_task(pid_t tid, pid_t tgid, pid_t parent)
{
  struct task *t = find_task(tid);
  for (int round = 0; t == NULL && round < 2; round++)
    for (unsigned i = 0; t == NULL && i < PROBES; i++) {
      struct task *at = &tasks[((unsigned)tid + i) % MAX_TASKS];
      if (!at->used || (round == 1 && at->exits))
        t = at;
    }
  if (t != NULL)
    *t = (struct task){.used = true, .tid = tid, .tgid = tgid, .parent = parent, .start = start_of(tid)};
  if (tid == tgid)
    watch_process(tgid);
  return t;
}

static void add_task(pid_t tid, pid_t tgid, const struct task *parent, const char *kind, uint32_t number)
{
  struct task *t = make_task(tid, tgid, parent->tid);
  if (t == NULL)
    return;
  int n = parent->lineage[0] == '?'
              ? -1
              : snprintf(t->lineage, sizeof t->lineage, "%s.%s%u", parent->lineage, kind, number);
  if (n < 0 || n >= (int)sizeof t->lineage)
    snprintf(t->lineage, sizeof t->lineage, "?");
}

static void forget_task(pid_t tid)
{
  struct task *t = tasks == NULL ? NULL : find_task(tid);
  if (t != NULL)
    t->used = false;
}

/* Not a tid that has come back: asked for where that can be. */
static bool knows(const struct task *t, pid_t tid, bool can_be_another)
{
  return t != NULL && (!can_be_another || start_of(tid) == t->start);
}

/* The child that a thread's latest clone has made. */
static void see_child(struct task *parent)
{
  static char text[131072];
  char path[64];
  pid_t fresh = 0;
  if (!parent->process_pending)
    return;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent->tgid, parent->tid);
  if (read_file(path, text, sizeof text) <= 0)
    return;
  /* The newest comes last; before a child of its own that was known, they all are.  Others were adopted. */
  for (char *end = text + strlen(text); end > text && fresh == 0;) {
    while (end > text && end[-1] == ' ')
      *--end = '\0';
    while (end > text && end[-1] != ' ')
      end--;
    pid_t pid = atoi(end);
    struct task *t = pid > 0 ? find_task(pid) : NULL;
    bool own = t && t->parent == parent->tid;
    if (pid > 0 && !knows(t, pid, t && (t->exits || !own)))
      fresh = pid;
    else if (own)
      break;
  }
  if (fresh == 0)
    return;
  parent->process_pending = false;
  add_task(fresh, fresh, parent, "", parent->processes);
}

static pid_t tid_in_namespace(pid_t tid)
{
  char path[40], text[2048];
  snprintf(path, sizeof path, "/proc/%d/status", tid);
  char *field = read_file(path, text, sizeof text) > 0 ? strstr(text, "\nNSpid:") : NULL;
  if (field == NULL)
    return tid;
  field[1 + strcspn(field + 1, "\n")] = '\0';
  return atoi(strrchr(field, '\t') + 1);
}

static bool is_only_creator(const struct task *creator)
{
  for (unsigned i = 0; i < MAX_TASKS; i++)
    if (tasks[i].used && tasks[i].tgid == creator->tgid && tasks[i].thread_pending && &tasks[i] != creator)
      return false;
  return true;
}

/* The thread that a thread's latest clone has made. */
static void see_thread(struct task *creator)
{
  char path[64];
  int32_t written = 0;
  pid_t found = 0;
  int fresh = 0;
  if (!creator->thread_pending)
    return;
  bool told = creator->tid_address != 0 && read_memory(creator->tid, creator->tid_address, &written, sizeof written);
  snprintf(path, sizeof path, "/proc/%d/task", creator->tgid);
  DIR *dir = opendir(path);
  if (dir == NULL)
    return;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    pid_t tid = atoi(entry->d_name);
    struct task *t = tid > 0 ? find_task(tid) : NULL;
    if (tid <= 0 || knows(t, tid, t && (t->exits || t->tgid != creator->tgid)))
      continue;
    fresh++;
    if (!told || tid_in_namespace(tid) == written)
      found = tid;
  }
  closedir(dir);
  if (found == 0 || (!told && (fresh > 1 || !is_only_creator(creator))))
    return;
  creator->thread_pending = false;
  add_task(found, creator->tgid, creator, "t", creator->threads);
}

static void see_all_of(pid_t tgid)
{
  for (unsigned i = 0; i < MAX_TASKS; i++)
    if (tasks[i].used && tasks[i].tgid == tgid) {
      see_child(&tasks[i]);
      see_thread(&tasks[i]);
    }
}

/* It has the helper's name, and nobody told its pid: while a step begins it can be nobody else. */
static bool is_deputy(pid_t tid)
{
  const char *comm = config.join_into && step.state == FORKING ? comm_of(tid, now_ns()) : NULL;
  return comm != NULL && tid != step.joiner && !strcmp(comm, "kmem-gate");
}

/* The command, or one of ours that forks it. */
static struct task *name_own_task(pid_t tid, pid_t tgid, bool starts)
{
  const struct running *r = step_of_command(tid);
  struct task *t = make_task(tid, tgid, 0);
  if (t == NULL)
    return NULL;
  t->starts = starts;
  snprintf(t->lineage, sizeof t->lineage, "%d", r ? r->index : step.index);
  return t;
}

static struct task *task_of(pid_t tid)
{
  char path[40], text[2048];
  struct task *t = find_task(tid);
  if (knows(t, tid, t && t->exits))
    return t;
  forget_task(tid);
  snprintf(path, sizeof path, "/proc/%d/status", tid);
  if (read_file(path, text, sizeof text) <= 0)
    return NULL;
  pid_t tgid = (pid_t)status_number(text, "\nTgid:");
  bool starts = tid == step.joiner || is_deputy(tid);
  if (step_of_command(tid) != NULL || starts)
    return name_own_task(tid, tgid, starts);
  see_all_of(tgid != tid ? tgid : (pid_t)status_number(text, "\nPPid:"));
  t = find_task(tid);
  if (t != NULL)
    return t;
  t = make_task(tid, tgid, 0); /* nobody knows where it comes from: said so, not guessed */
  if (t != NULL)
    snprintf(t->lineage, sizeof t->lineage, "?");
  return t;
}

static const char *address_of(pid_t tid, const struct call *c, char *text, size_t size)
{
  struct task *t = task_of(tid);
  if (t == NULL || t->lineage[0] == '?')
    return NULL;
  snprintf(text, size, "%s/%u:%s", t->lineage, t->calls, c->name);
  return text;
}

static void note_exit(const struct task *t, bool whole_group)
{
  pid_t tid = t->tid, tgid = t->tgid;
  if (whole_group)
    see_all_of(tgid);
  for (unsigned i = 0; i < MAX_TASKS; i++)
    if (tasks[i].used && (tasks[i].tid == tid || (whole_group && tasks[i].tgid == tgid)))
      tasks[i].exits = true;
}

static void note_clone(struct task *t, const struct call *c)
{
  static const uint64_t PARENT_SETTID = 0x00100000;
  uint64_t flags = clone_flags(c, notif), address = 0;
  if (!(flags & CLONE_THREAD_FLAG)) {
    t->processes++;
    t->process_pending = true;
    return;
  }
  if (!strcmp(c->name, "clone3"))
    read_memory(t->tid, notif->data.args[0] + offsetof(struct clone_args, parent_tid), &address, sizeof address);
  else
    address = notif->data.args[2];
  t->threads++;
  t->thread_pending = true;
  t->tid_address = flags & PARENT_SETTID ? address : 0;
}

/* Each gated call counts for the thread that makes it; a clone or an exit is also a moment to look at the children. */
static void note_call(const struct call *c)
{
  struct task *t = task_of((pid_t)notif->pid);
  if (t == NULL)
    return;
  bool clones = !strcmp(c->detail, "clone"), leaves = c->leaves;
  if (clones || leaves) {
    see_child(t);
    see_thread(t);
  }
  if (leaves)
    note_exit(t, !strcmp(c->name, "exit_group"));
  if (c->action == WATCH)
    return;
  bool restarted = clones && (t->process_pending || t->thread_pending) && !memcmp(&t->last, &notif->data, sizeof t->last);
  t->last = notif->data;
  if (restarted)
    return;
  t->calls += !t->starts;
  t->process_pending &= !clones;
  t->thread_pending &= !clones;
  if (clones)
    note_clone(t, c);
}

/*
 * The caller took no answer: a signal interrupted it, and if the call comes again it is the same one.  (Of a clone that
 * is known by its pending child.)
 */
static void note_unanswered(void)
{
  const struct call *c = find_call(notif->data.arch, (uint32_t)notif->data.nr);
  struct task *t = tracking && c != NULL && c->action != WATCH ? find_task((pid_t)notif->pid) : NULL;
  if (t != NULL && t->calls > 0 && strcmp(c->detail, "clone"))
    t->calls--;
}

/* A clone that was denied makes no child, and when it comes again it is another one. */
static void note_denial(const struct call *c)
{
  struct task *t = tracking && !strcmp(c->detail, "clone") ? find_task((pid_t)notif->pid) : NULL;
  if (t != NULL)
    t->process_pending = t->thread_pending = false;
}

/* Of the lineage of a thread, the part that names its process: "0.1" of "0.1.t2.t1". */
static size_t process_length(const char *lineage)
{
  size_t n = strlen(lineage);
  for (const char *dot; (dot = memrchr(lineage, '.', n)) != NULL && dot[1] == 't';)
    n = (size_t)(dot - lineage);
  return n;
}

static bool same_process(const char *a, const char *b)
{
  size_t n = process_length(a);
  return n == process_length(b) && !strncmp(a, b, n);
}

static bool injects_into(struct injection *i, const struct task *t, const struct call *c)
{
  if (i->reached)
    return i->persistent && same_process(i->lineage, t->lineage);
  if (t->calls != i->call || strcmp(t->lineage, i->lineage))
    return false;
  if (*i->name == '\0' || !strcmp(i->name, c->name))
    return true;
  if (*i->seen == '\0')
    snprintf(i->seen, sizeof i->seen, "%s", c->name);
  return false;
}

/* Is this call to fail because it was asked for? */
static bool injects(const struct call *c)
{
  const struct task *t = injection_count > 0 ? find_task((pid_t)notif->pid) : NULL;
  bool any = false;
  for (int i = 0; i < injection_count; i++) {
    injections[i].applies = t != NULL && injects_into(&injections[i], t, c);
    any |= injections[i].applies;
  }
  return any;
}

/* `failed`: not a brk that cannot. */
static void note_injection(bool failed)
{
  for (int i = 0; i < injection_count; i++)
    if (injections[i].applies) {
      injections[i].reached = true;
      injections[i].denials += failed;
    }
}

/* ---- supervisor: the trace of every gated call ---------------------------------------------------------- */

static FILE *trace;
static uint64_t trace_lost;

static void open_trace(void)
{
  trace = fopen(config.trace_file, "we");
  if (trace != NULL)
    setvbuf(trace, NULL, _IOFBF, 65536);
}

static void trace_call(const struct call *c, int64_t usage, const char *given)
{
  if (trace == NULL || c->action == WATCH)
    return;
  char detail[PATH_MAX], exe[PATH_MAX], address[ADDRESS_LENGTH];
  uint64_t now = now_ns();
  pid_t tid = (pid_t)notif->pid;
  line_used = 0;
  put_raw("{\"atMs\":");
  char number[40];
  snprintf(number, sizeof number, "%.3f", (double)(int64_t)(now - (start_ns ? start_ns : now)) / 1e6);
  put_raw(number);
  field_figure("pid", thread_group(tid));
  field_number("tid", tid);
  field_string("comm", comm_of(tid, now));
  field_string("exe", executable(tid, exe, sizeof exe));
  field_string("address", address_of(tid, c, address, sizeof address));
  field_string("syscall", c->name);
  field_string("detail", describe(c, notif, detail, sizeof detail));
  field_figure("usage", usage);
  field_string("answer", given);
  put_raw("}\n");
  if (fwrite(line, 1, line_used, trace) != line_used)
    trace_lost++;
}

/* ---- supervisor: counting and telling failures -------------------------------------------------- */

static struct count {
  char comm[20];
  const struct call *call;
  int error;
  uint64_t count;
} counts[MAX_COUNTS];
static int count_used;
static uint64_t uncounted; /* denials for which the table of counts had no row left */

static void count_failure(const char *comm, const struct call *c, int error)
{
  static int last;
  if (last < count_used && counts[last].call == c && counts[last].error == error && !strcmp(counts[last].comm, comm)) {
    counts[last].count++;
    return;
  }
  for (int i = 0; i < count_used; i++)
    if (counts[i].call == c && counts[i].error == error && !strcmp(counts[i].comm, comm)) {
      counts[i].count++;
      last = i;
      return;
    }
  if (count_used == MAX_COUNTS) {
    uncounted++;
    return;
  }
  struct count *row = &counts[count_used++];
  snprintf(row->comm, sizeof row->comm, "%s", comm);
  row->call = c;
  row->error = error;
  row->count = 1;
}

/* What is to be told must be read while the caller still waits, so this comes before the answer. */
static bool prepare_failure(const struct call *c, int64_t usage, int error, uint64_t now, const char *comm, bool injected)
{
  if (failures_sent >= MAX_FAILURES_IN_FULL)
    return false;
  char detail[PATH_MAX], exe[PATH_MAX], address[ADDRESS_LENGTH];
  const char *about = describe(c, notif, detail, sizeof detail);
  pid_t tid = (pid_t)notif->pid, pid = thread_group(tid);
  if (start_ns == 0) /* the first step's own fork: the run's clock begins here */
    start_ns = now;
  event("failure");
  field_number("atNs", (int64_t)(now - start_ns));
  field_figure("pid", pid);
  field_number("tid", tid);
  field_string("comm", comm);
  field_string("exe", executable(tid, exe, sizeof exe));
  field_string("syscall", c->name);
  field_string("detail", about);
  field_string("address", tracking ? address_of(tid, c, address, sizeof address) : NULL);
  field_figure("usage", usage);
  field_number("errno", error);
  field_figure("step", booked_on(origin));
  field_number("injected", injected);
  return true;
}

/* ---- supervisor: brk ------------------------------------------------------------------------------ */

/*
 * The last request of each process and when it was made (clock ticks since boot): a break within a page is told by
 * nothing else.  Nobody sees a break that is inherited by fork.
 */
static struct {
  pid_t pid;
  uint64_t requested, ticks;
} breaks[COMM_CACHE];

static uint64_t boot_ticks(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_BOOTTIME, &ts);
  return (uint64_t)ts.tv_sec * 100 + (uint64_t)ts.tv_nsec / 10000000;
}

/* A field of /proc/PID/stat by its number in proc(5); 0 if it cannot be read. */
static uint64_t stat_field(const char *stat, int number)
{
  const char *p = strrchr(stat, ')');
  for (int field = 2; p != NULL && field < number; field++)
    p = strchr(p + 1, ' ');
  return p ? strtoull(p + 1, NULL, 10) : 0;
}

/*
 * The current break of the caller, or 0 if it cannot be told.  The end of [heap] is the break rounded up to the
 * page; the last request of this process tells the exact one where it agrees.  Too high by less than a page does no
 * harm; too low would make the C library hand out memory that is in use.
 */
static uint64_t current_break(pid_t pid)
{
  char path[40], row[512], text[2048];
  uint64_t end = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  if (read_file(path, text, sizeof text) <= 0)
    return 0;
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *maps = fopen(path, "re");
  if (maps == NULL)
    return 0;
  while (fgets(row, sizeof row, maps))
    if (strstr(row, "[heap]")) {
      uint64_t from, to;
      if (sscanf(row, "%" SCNx64 "-%" SCNx64, &from, &to) == 2)
        end = to;
    }
  fclose(maps);
  if (end == 0) /* no heap yet: the break is where it would start */
    return stat_field(text, 47);
  unsigned slot = (unsigned)pid % COMM_CACHE;
  if (breaks[slot].pid != pid || breaks[slot].ticks < stat_field(text, 22)) /* another process's, which had this pid */
    return end;
  return (breaks[slot].requested + 4095) / 4096 * 4096 == end ? breaks[slot].requested : end;
}

/* A break at a page's end needs no note, and is what nearly all programs ask for: then this costs nothing. */
static void note_break(pid_t tid, uint64_t address)
{
  static bool needed;
  needed |= address % 4096 != 0;
  if (address == 0 || !needed)
    return;
  pid_t pid = thread_group(tid);
  unsigned slot = (unsigned)pid % COMM_CACHE;
  breaks[slot].pid = pid;
  breaks[slot].requested = address;
  breaks[slot].ticks = boot_ticks();
}

static void forget_break(pid_t tid)
{
  pid_t pid = thread_group(tid);
  if (pid > 0 && breaks[(unsigned)pid % COMM_CACHE].pid == pid)
    breaks[(unsigned)pid % COMM_CACHE].pid = 0;
}

/* ---- supervisor: what the result should mention --------------------------------------------------------- */

enum { MAX_NOTICES = 64 };

/* Told once for each kind and object. */
static void notice(const char *kind, const char *object)
{
  static char told[MAX_NOTICES][128];
  static int told_count;
  char key[128];
  snprintf(key, sizeof key, "%s %.100s", kind, object);
  for (int i = 0; i < told_count; i++)
    if (!strcmp(told[i], key))
      return;
  if (told_count == MAX_NOTICES)
    return;
  memcpy(told[told_count++], key, sizeof key);
  const char *comm = comm_of((pid_t)notif->pid, now_ns());
  event("notice");
  field_string("kind", kind);
  field_string("object", object);
  field_string("comm", comm);
  event_end(QUEUE_HARD);
}

/* Work asked of one of these is done by a process outside the group. */
static bool is_service(const char *path)
{
  static const char *const ends[] = {"/systemd/private", "/dbus/system_bus_socket", "/docker.sock", "/containerd.sock",
                                     "/podman.sock", "/crio.sock", "/bus"};
  size_t n = strlen(path);
  if (strncmp(path, "/run/", 5) && strncmp(path, "/var/run/", 9))
    return false;
  for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
    size_t m = strlen(ends[i]);
    if (n >= m && !strcmp(path + n - m, ends[i]))
      return true;
  }
  return false;
}

static bool ends_with(const char *text, const char *end)
{
  size_t n = strlen(text), m = strlen(end);
  return n >= m && !strcmp(text + n - m, end);
}

static void look_at_open(const struct call *c)
{
  const uint64_t *a = (const uint64_t *)notif->data.args;
  bool at = c->name[4] != '\0';
  uint64_t flags = at ? a[2] : a[1];
  char path[PATH_MAX];
  if (!strcmp(c->name, "openat2") && !read_memory((pid_t)notif->pid, a[2], &flags, sizeof flags))
    return;
  if (!(flags & (O_WRONLY | O_RDWR)) || !read_string((pid_t)notif->pid, a[at ? 1 : 0], path, sizeof path))
    return;
  if (ends_with(path, "cgroup.procs") || ends_with(path, "cgroup.threads") ||
      (ends_with(path, "/tasks") && strstr(path, "cgroup") != NULL))
    notice("moves", path);
}

static void look_at_connect(void)
{
  char text[256];
  if (detail_address((pid_t)notif->pid, notif->data.args[1], notif->data.args[2], text, sizeof text) &&
      !strncmp(text, "AF_UNIX /", 9) && is_service(text + 8))
    notice("service", text + 8);
}

static void look_at(const struct call *c)
{
  if (!strncmp(c->name, "open", 4))
    look_at_open(c);
  else if (!strcmp(c->name, "connect"))
    look_at_connect();
  else if (!strcmp(c->name, "seccomp") && (notif->data.args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER))
    notice("listener", "seccomp");
  else if (!strcmp(c->name, "ptrace"))
    notice("tracer", "ptrace");
}

/* ---- supervisor: the decision ------------------------------------------------------------------------ */

static struct {
  int listener, origin;
  struct seccomp_notif notif;
  const struct call *call;
} deferred[MAX_DEFERRED];
static int deferred_count;

/*
 * A program that was let start charges after the answer, up to its first calls: until it is heard of, what it needs is
 * not in the counter yet.  Without this, several that start at once are all let through for the same room.  (A fork
 * charges within the call, so its time is too short to matter.)
 */
enum { MAX_APPROVALS = 64, APPROVAL_MS = 50 };

static struct {
  pid_t tid;
  int64_t need;
  uint64_t at_ns;
} approvals[MAX_APPROVALS];
static int approval_count;
static int64_t approved;

static void withdraw(int i)
{
  approved -= approvals[i].need;
  approvals[i] = approvals[--approval_count];
}

/* Called for each notification: this task's last call is done, and old ones must be. */
static void settle(pid_t tid)
{
  if (approval_count == 0)
    return;
  uint64_t now = now_ns();
  for (int i = approval_count - 1; i >= 0; i--)
    if (approvals[i].tid == tid || now - approvals[i].at_ns > APPROVAL_MS * 1000000ull)
      withdraw(i);
}

static void approve(pid_t tid, int64_t need)
{
  if (approval_count == MAX_APPROVALS)
    withdraw(0);
  approvals[approval_count].tid = tid;
  approvals[approval_count].need = need;
  approvals[approval_count++].at_ns = now_ns();
  approved += need;
}

static int64_t need_of(const struct call *c)
{
  if (c->need_thread > 0 && (clone_flags(c, notif) & 0x100)) /* CLONE_VM: no address space to copy */
    return c->need_thread;
  return c->need;
}

/* An address strictly inside a mapping: the mapping is split there, which allocates. */
static bool splits_mapping(pid_t tid, uint64_t start, uint64_t length)
{
  char path[40], row[512];
  uint64_t end = start + ((length + 4095) & ~4095ull);
  bool splits = false;
  snprintf(path, sizeof path, "/proc/%d/maps", tid);
  FILE *maps = fopen(path, "re");
  if (maps == NULL)
    return true; /* nobody can say: treat it as any other call */
  while (!splits && fgets(row, sizeof row, maps)) {
    uint64_t from, to;
    if (sscanf(row, "%" SCNx64 "-%" SCNx64, &from, &to) == 2)
      splits = (start > from && start < to) || (end > from && end < to);
  }
  fclose(maps);
  return splits;
}

/*
 * The table of descriptors doubles when it is full, which for a large table is the largest thing a call allocates.  Its
 * present size is part of the usage, so that doubling can only matter where there is less room than twice the usage.
 * There, a table of S with U in use takes at least (S - U) / 2 more calls of all its threads.  But processes may share a
 * table, and a task may have got another one meanwhile (close_range, exec), so few calls go by without a look.
 */
static struct table {
  pid_t pid;
  int64_t calls_left;
} tables[COMM_CACHE];

enum { SMALLEST_TABLE = 64, MOST_UNSEEN = 64 };

/* Pointers, and three bitmaps (fs/file.c, alloc_fdtable). */
static int64_t table_bytes(uint64_t descriptors)
{
  uint64_t size = SMALLEST_TABLE;
  while (size < descriptors)
    size *= 2;
  return (int64_t)(size * 8 + size / 4);
}

/* At least so many are not in use in a table of `size`; exact where it is less than 2. */
static uint64_t free_descriptors(pid_t pid, uint64_t size, uint64_t enough)
{
  char path[64];
  struct stat s;
  uint64_t used = 0, free = 0;
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  if (stat(path, &s) == 0 && s.st_size > 0) /* since Linux 6.2 */
    return size > (uint64_t)s.st_size ? size - (uint64_t)s.st_size : 0;
  /* Before, to list a large table would make the kernel keep a name for each.  They are given out from below. */
  for (uint64_t i = size; size > 2 * enough && i > size - enough; i--) {
    snprintf(path, sizeof path, "/proc/%d/fd/%" PRIu64, pid, i - 1);
    free += lstat(path, &s) < 0 && errno == ENOENT;
  }
  if (free >= 2)
    return free;
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR *dir = opendir(path);
  if (dir == NULL)
    return size;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
    used += entry->d_name[0] != '.';
  closedir(dir);
  return size > used ? size - used : 0;
}

/* A descriptor that the caller names itself: dup2, dup3, F_DUPFD. */
static bool names_descriptor(const struct call *c, uint64_t *descriptor)
{
  if (!strcmp(c->name, "dup2") || !strcmp(c->name, "dup3"))
    *descriptor = notif->data.args[1] & 0xffffffff;
  else if (!strncmp(c->name, "fcntl", 5))
    *descriptor = notif->data.args[2] & 0xffffffff;
  else
    return false;
  return true;
}

/* Bytes by which the table grows in this call, or 0. */
static int64_t table_growth(const struct call *c, int64_t usage, int64_t room)
{
  pid_t tid = (pid_t)notif->pid;
  struct table *t = &tables[(unsigned)tid % COMM_CACHE];
  uint64_t named = 0;
  bool names = names_descriptor(c, &named);
  if (t->pid != tid)
    *t = (struct table){tid, 0};
  if (room >= 2 * usage && room >= table_bytes(named + 1)) {
    t->calls_left = 0;
    return 0;
  }
  bool unseen = t->calls_left > 0;
  t->calls_left -= unseen;
  if (unseen && named < SMALLEST_TABLE)
    return 0;
  char path[40], text[2048];
  struct rlimit most;
  snprintf(path, sizeof path, "/proc/%d/status", tid);
  uint64_t size = read_file(path, text, sizeof text) > 0 ? status_number(text, "\nFDSize:") : 0;
  if (size == 0 || prlimit(tid, RLIMIT_NOFILE, NULL, &most) < 0)
    return 0;
  if (names && named >= size)
    return named < most.rlim_cur ? table_bytes(named + 1) : 0;
  if (unseen || !strncmp(c->name, "dup2", 4) || !strncmp(c->name, "dup3", 4))
    return 0;
  uint64_t threads = status_number(text, "\nThreads:"), a_round = 2 * (threads ? threads : 1);
  uint64_t free = free_descriptors(tid, size, a_round * MOST_UNSEEN);
  uint64_t makes = !strncmp(c->name, "pipe", 4) || !strcmp(c->name, "socketpair") ? 2 : 1;
  int64_t left = (int64_t)(free / a_round);
  t->calls_left = left < MOST_UNSEEN ? left : MOST_UNSEEN;
  return free < makes && size < most.rlim_cur ? table_bytes(size + 1) : 0;
}

/* What i386's multiplexers stand for (linux/ipc.h, linux/net.h). */
enum { IPC_SEMGET = 2, IPC_MSGSND = 11, IPC_MSGGET = 13, IPC_SHMAT = 21, IPC_SHMGET = 23 };
enum { SOCKETCALL_SOCKET = 1 };

static bool allocates(const struct call *c)
{
  if (!strcmp(c->check, "split"))
    return splits_mapping((pid_t)notif->pid, notif->data.args[0], notif->data.args[1]);
  if (!strcmp(c->check, "ipc"))
    switch (notif->data.args[0] & 0xffff) {
    case IPC_SEMGET: case IPC_MSGSND: case IPC_MSGGET: case IPC_SHMAT: case IPC_SHMGET: return true;
    default: return false;
    }
  return true;
}

static bool table_denied; /* by the last decision: there is no room for a larger table of descriptors */

static bool over_limit(const struct call *c, int64_t usage)
{
  table_denied = false;
  if (closed || config.limit < 0 || usage < 0)
    return false;
  int64_t room = config.limit - config.reserve - usage - approved;
  if (c->makes_fd) {
    int64_t growth = table_growth(c, usage, room);
    bool only_table = !strcmp(c->check, "fdtable");
    table_denied = growth > 0 && growth > room;
    if (table_denied)
      return true;
    if (only_table)
      return false;
  }
  return c->need > room && need_of(c) > room && allocates(c);
}

static bool answer(int listener)
{
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, response) == 0)
    return true;
  if (errno == EINPROGRESS)
    return true;
  note_unanswered(); /* ENOENT: the caller died or was interrupted; nothing was failed */
  return false;
}

static void let_continue(int listener)
{
  memset(response, 0, sizeof *response);
  response->id = notif->id;
  response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  answer(listener);
}

static void note_own_denial(const struct call *c)
{
  pid_t tid = (pid_t)notif->pid;
  if (step.state == FORKING && (tid == step.joiner || is_deputy(tid)))
    step.fork_denied++;
  if (step.state == EXECUTING && tid == step.command && !strncmp(c->name, "execve", 6))
    step.exec_denied++;
}

/* The caller's path as one of ours: under its root, its working directory, or an open directory of its. */
static bool open_path(pid_t tid, int directory, const char *path, char *text, size_t size)
{
  if (path[0] == '/')
    return snprintf(text, size, "/proc/%d/root%s", tid, path) < (int)size;
  if (directory == AT_FDCWD)
    return snprintf(text, size, "/proc/%d/cwd/%s", tid, path) < (int)size;
  return snprintf(text, size, "/proc/%d/fd/%d/%s", tid, directory, path) < (int)size;
}

/* Is what this call makes made on tmpfs? There an enforcing kernel says ENOSPC (mm/shmem.c). */
static bool makes_on_tmpfs(const struct call *c)
{
  char path[PATH_MAX], full[PATH_MAX + 64];
  pid_t tid = (pid_t)notif->pid;
  int argument = c->detail[4] - '0';
  const uint64_t *a = (const uint64_t *)notif->data.args;
  if (strncmp(c->detail, "path", 4) || !read_string(tid, a[argument], path, sizeof path))
    return false;
  int directory = argument == 0 || !strcmp(c->name, "symlink") || !strcmp(c->name, "link") ? AT_FDCWD : (int)a[argument - 1];
  if (!open_path(tid, directory, path, full, sizeof full))
    return false;
  bool opens = !strncmp(c->name, "open", 4) || !strcmp(c->name, "creat");
  uint64_t flags = !strcmp(c->name, "open") ? a[1] : !strcmp(c->name, "creat") ? O_CREAT : a[2];
  if (!strcmp(c->name, "openat2") && !read_memory(tid, a[2], &flags, sizeof flags))
    return false;
  if (opens && (!(flags & O_CREAT) || access(full, F_OK) == 0))
    return false;
  char *slash = strrchr(full, '/');
  if (slash != NULL)
    slash[1] = '\0';
  struct statfs fs;
  return statfs(full, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static int errno_of(const struct call *c)
{
  if (table_denied && c->action == GATE) /* whatever is made: the table is fs/file.c's */
    return ENOMEM;
  if (!strcmp(c->check, "tmpfs"))
    return makes_on_tmpfs(c) ? ENOSPC : c->error;
  if (!strcmp(c->check, "ipc"))
    return (notif->data.args[0] & 0xffff) == IPC_SHMGET ? ENOSPC : c->error;
  uint64_t family = notif->data.args[0], type = notif->data.args[1] & 0xf;
  uint32_t words[2];
  if (!strcmp(c->name, "socketcall")) {
    if (family != SOCKETCALL_SOCKET || !read_memory((pid_t)notif->pid, notif->data.args[1], words, sizeof words))
      return c->error;
    family = words[0], type = words[1] & 0xf;
  }
  bool tcp = (family == AF_INET || family == AF_INET6) && type == SOCK_STREAM;
  return tcp && c->tcp_error ? c->tcp_error : c->error;
}

static void allow(int listener, const struct call *c, int64_t usage)
{
  pid_t tid = (pid_t)notif->pid;
  if (c->is_brk)
    note_break(tid, notif->data.args[0]);
  trace_call(c, usage, "continue");
  if (c->is_exec) { /* its name and its heap are other ones from here on */
    forget_comm(tid);
    forget_break(tid);
    if (config.limit >= 0)
      approve(tid, c->need);
  }
  let_continue(listener);
}

/* `injected`: by injects(), just before. */
static void deny(int listener, const struct call *c, int64_t usage, bool injected)
{
  uint64_t now = now_ns();
  pid_t tid = (pid_t)notif->pid;
  int error = config.errno_enomem && c->action == GATE ? ENOMEM : errno_of(c);
  const char *known = comm_of(tid, now);
  const char *comm = known ? known : "?";

  memset(response, 0, sizeof *response);
  response->id = notif->id;
  if (c->is_brk) {
    uint64_t current = current_break(thread_group(tid));
    if (current == 0 || notif->data.args[0] <= current) {
      if (injected)
        note_injection(false);
      allow(listener, c, usage); /* a question, a shrink, or nobody could say: never an errno */
      return;
    }
    response->val = (int64_t)current;
    error = ENOMEM;
  } else {
    response->error = -error;
  }
  trace_call(c, usage, "deny");
  bool told = prepare_failure(c, usage, error, now, comm, injected);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &notif->id) < 0) {
    note_unanswered();
    return; /* gone: what was read may be another process's */
  }
  note_own_denial(c);
  if (!answer(listener))
    return;
  note_denial(c);
  if (injected)
    note_injection(true);
  struct running *booked = c->action == REFUSE ? NULL : step_to_book(origin);
  if (c->action == REFUSE)
    refusals++;
  else
    denials++;
  if (booked != NULL)
    booked->denials++;
  count_failure(comm, c, error);
  if (!told || !event_end(QUEUE_SOFT))
    failures_dropped++;
  else
    failures_sent++;
}

static bool defer(int listener, const struct call *c)
{
  uint64_t now = now_ns();
  bool may_start = reclaimer_sock >= 0 && !reclaiming && now - last_reclaim_ns >= RECLAIM_EVERY_MS * 1000000ull;
  if (!(may_start || reclaiming) || deferred_count == MAX_DEFERRED)
    return false;
  if (may_start) {
    if (!send_message(reclaimer_sock, "r", 1, -1))
      return false;
    reclaiming = true;
    reclaims++;
  }
  deferred[deferred_count].listener = listener;
  deferred[deferred_count].origin = origin;
  deferred[deferred_count].notif = *notif;
  deferred[deferred_count].call = c;
  deferred_count++;
  return true;
}

static void handle_reclaimed(void)
{
  char byte;
  ssize_t received = receive_message(reclaimer_sock, &byte, 1, NULL, MSG_DONTWAIT);
  if (received < 0)
    return;
  if (received == 0) { /* somebody killed it: what waits is decided now, and nothing is reclaimed any more */
    unwatch(reclaimer_sock);
    reclaimer_sock = -1;
  }
  reclaiming = false;
  last_reclaim_ns = now_ns();
  int n = deferred_count;
  deferred_count = 0;
  for (int i = 0; i < n; i++) {
    *notif = deferred[i].notif;
    origin = deferred[i].origin;
    int64_t usage = read_usage();
    if (over_limit(deferred[i].call, usage))
      deny(deferred[i].listener, deferred[i].call, usage, false);
    else
      allow(deferred[i].listener, deferred[i].call, usage);
  }
}

/*
 * The counter is read only when it can matter.  Far below the limit nothing can bring it there at once: no CPU can
 * have more than a page charged in FASTEST_PAGE_NS, so the reading holds for as long as the room would last.
 */
enum { FASTEST_PAGE_NS = 250, NEAR = 256 * 1024 };

static uint64_t holds_until;

static int64_t usage_for_decision(void)
{
  static int64_t last;
  if (config.limit < 0 && trace == NULL && counter.freshness == EXACT)
    return -1;
  uint64_t now = now_ns();
  if (now < holds_until && trace == NULL && !may_read_again(now))
    return last;
  last = read_usage();
  int64_t room = config.limit - config.reserve - approved - last - NEAR;
  holds_until = room > 0 ? now + (uint64_t)(room / 4096) * FASTEST_PAGE_NS / cpu_count : 0;
  return last;
}

/* The joiner's first call on v2.  It is not charged to the group, and no part of what is run. */
static bool makes_deputy(void)
{
  if (config.join_into == NULL || step.has_deputy || step.state != FORKING || (pid_t)notif->pid != step.joiner)
    return false;
  step.has_deputy = true;
  return true;
}

static void handle_notification(int listener, uint32_t events)
{
  if (!(events & EPOLLIN)) {
    if (events & EPOLLHUP) /* the last task that used this filter is gone */
      unwatch(listener);
    return;
  }
  memset(notif, 0, notif_size);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notif) < 0)
    return; /* the caller was killed meanwhile */
  if (closed) {
    let_continue(listener);
    return;
  }
  settle((pid_t)notif->pid);
  const struct call *c = find_call(notif->data.arch, (uint32_t)notif->data.nr);
  if (makes_deputy()) {
    let_continue(listener);
    return;
  }
  gated_calls += c == NULL || c->action != WATCH;
  if (c == NULL) {
    let_continue(listener);
    return;
  }
  if (tracking)
    note_call(c);
  if (c->looks)
    look_at(c);
  if (c->action == WATCH) {
    if (c->leaves && counter.freshness != EXACT)
      read_usage();
    let_continue(listener);
    return;
  }
  bool injected = injects(c);
  if (c->action == REFUSE) {
    deny(listener, c, -1, injected);
    return;
  }
  if (injected) {
    table_denied = false;
    deny(listener, c, read_usage(), true);
    return;
  }
  int64_t usage = usage_for_decision();
  if (!over_limit(c, usage)) {
    allow(listener, c, usage);
    return;
  }
  if (config.reclaim && defer(listener, c))
    return;
  deny(listener, c, usage, false);
}

#include "refusals.c"

/* ---- supervisor: the life of a step ---------------------------------------------------------------- */

static void tell_child(char kind)
{
  struct status s = {.kind = kind};
  send_message(step.sock, &s, sizeof s, -1);
}

static void end_handover(void)
{
  if (step.sock >= 0)
    unwatch(step.sock);
  step.sock = -1;
  step.state = IDLE;
}

/* Its program has been executed. */
static void step_started(void)
{
  const struct running *r = running_step(step.index);
  end_handover();
  if (r == NULL || !r->background)
    return;
  event("started");
  field_number("step", r->index);
  send_event();
}

static void step_setup_failed(const char *stage, int error, const char *subject)
{
  if (step.joiner > 0 && !step.joiner_reaped)
    kill(step.joiner, SIGKILL);
  if (step.command > 0)
    kill(step.command, SIGKILL);
  send_setup_error(stage, error, subject);
  end_handover();
  forget_step(step.index);
}

/* Ours still, and about to exit: it must not be taken for something that the program left in the group. */
static void reap_own(pid_t pid)
{
  if (pid <= 0)
    return;
  kill(pid, SIGKILL);
  for (int tries = 0; tries < JOINER_ENDS_MS && waitpid(pid, NULL, WNOHANG) == 0; tries++)
    sleep_ms(1);
}

/* What `failcnt` of a step is: the denials booked on it, or by how much the kernel's counter has risen. */
static int64_t denials_of(const struct running *r)
{
  if (config.failcnt_file == NULL)
    return (int64_t)r->denials;
  int64_t after = r->failcnt_after >= 0 ? r->failcnt_after : read_number(failcnt_fd);
  return after < 0 || r->failcnt_before < 0 ? -1 : after - r->failcnt_before;
}

static void send_figures(const struct running *r)
{
  field_figure("denials", denials_of(r));
  field_figure("maxUsage", r->max);
  send_event();
}

/* What was booked on the step that ended last, also after its end: nothing more will be. */
static void close_account(void)
{
  if (ended_last.index == NO_STEP)
    return;
  event("account");
  field_figure("step", ended_last.index);
  send_figures(&ended_last);
  ended_last.index = NO_STEP;
}

/* All that has happened up to now is booked on what has run until now. */
static void bring_up_to_date(void)
{
  read_refusals();
  note_max_of_run();
}

/* A step of the runner's own begins, outside the group: what daemons do meanwhile is booked on that. */
static void begin_outside(void)
{
  if (closed || start_ns == 0)
    return;
  bring_up_to_date();
  close_account();
  forget_max();
  ended_last = (struct running){.index = OUTSIDE, .command = -1, .failcnt_before = read_number(failcnt_fd), .failcnt_after = -1, .max = -1};
}

/* The step is over: what is told of each end.  The account before it is closed by now. */
static void end_step(int index)
{
  const struct running *r = running_step(index);
  send_figures(r);
  if (!closed)
    ended_last = *r;
  forget_step(index);
}

/* The limit that kept the command from starting was the kernel's own: a result, like a denial by the gate. */
static bool refused_by_kernel(int error)
{
  const struct running *r = running_step(step.index);
  return config.failcnt_file != NULL && (error == ENOMEM || error == EAGAIN || error == E2BIG) && r && denials_of(r) > 0;
}

static void step_denied(const char *what)
{
  reap_own(step.command);
  step.command = -1;
  if (!step.joiner_reaped)
    reap_own(step.joiner);
  step.joiner_reaped = true;
  read_refusals();
  if (start_ns == 0)
    start_ns = now_ns();
  note_max();
  close_account();
  event("denied");
  field_number("step", step.index);
  field_string("what", what);
  field_number("atNs", (int64_t)(now_ns() - start_ns));
  field_number("startNs", (int64_t)start_ns);
  end_step(step.index);
  end_handover();
}

static void begin_step(struct step_request *request)
{
  int pair[2];
  /* The runner waits for the one before, counts, and asks for none after "close". */
  if (closed || step.state != IDLE || running_count == MAX_STEPS) {
    send_setup_error("steps", EBUSY, NULL);
    return;
  }
  step.index++;
  step.joiner_reaped = step.has_deputy = step.ended = false;
  step.command = -1;
  step.fork_denied = step.exec_denied = 0;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
    send_setup_error("socketpair", errno, NULL);
    return;
  }
  running[running_count++] = (struct running){.index = step.index,
                                              .command = -1,
                                              .background = request->background,
                                              .failcnt_before = read_number(failcnt_fd),
                                              .failcnt_after = -1,
                                              .max = -1};
  ended_last.failcnt_after = running[running_count - 1].failcnt_before; /* no refusal counts on both */
  step.joiner = fork();
  if (step.joiner == 0)
    joiner_main(pair[1], request);
  note_joiner();
  close(pair[1]);
  step.sock = pair[0];
  watch(step.sock, TAG_STATUS);
  step.state = JOINING;
  if (step.joiner < 0)
    step_setup_failed("fork-joiner", errno, NULL);
}

static void accept_listener(int listener)
{
  __u64 flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
  sync_wake_up = ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags) == 0;
  if (!share_with_guardian(listener)) {
    step_setup_failed("guardian", EPIPE, NULL);
    close(listener);
    return;
  }
  watch_for_step(listener, TAG_LISTENER, step.index);
  step.state = FORKING;
  tell_child('f');
}

/* The usage of a group with a task in it: the task's stack and address space are charged, unless nothing is. */
static int64_t usage_of_task(void)
{
  int64_t usage = read_usage();
  for (int waited = 0; counter.freshness == LATE && usage == 0 && waited < LATEST_MS; waited += 50) {
    sleep_ms(50);
    usage = read_usage();
  }
  return usage;
}

/* The command exists and waits: the last moment at which nothing has run. */
static void let_go(void)
{
  int64_t usage = config.limit >= 0 ? usage_of_task() : read_usage();
  if (usage <= 0 && config.limit >= 0) {
    step_setup_failed(usage < 0 ? "not-told" : "not-accounted", 0, config.usage_file);
    return;
  }
  if (step.index > 0)
    note_max();
  close_account();
  forget_max();
  running_step(step.index)->max = -1; /* what was before is none of its */
  uint64_t now = now_ns();
  if (start_ns == 0)
    start_ns = now;
  start_reading();
  event("go");
  field_number("step", step.index);
  field_number("pid", step.command);
  field_number("startNs", (int64_t)start_ns);
  field_number("atNs", (int64_t)(now - start_ns));
  field_figure("usage", usage);
  field_number("noNewPrivs", step.no_new_privs);
  field_number("syncWakeUp", sync_wake_up);
  send_event();
  step.state = EXECUTING;
  tell_child('g');
}

static void tell_exit(int index, int status, uint64_t ended_ns)
{
  bool signaled = WIFSIGNALED(status);
  bring_up_to_date();
  close_account();
  event("exit");
  field_number("step", index);
  field_number("atNs", (int64_t)(ended_ns - start_ns));
  field_figure("code", signaled ? -1 : WEXITSTATUS(status));
  field_figure("signal", signaled ? WTERMSIG(status) : -1);
  end_step(index);
}

static void handle_status(void)
{
  struct status s;
  int fd;
  ssize_t n = receive_message(step.sock, &s, sizeof s, &fd, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n != (ssize_t)sizeof s) { /* end of file: exec succeeded, or the child is gone (its reaping tells) */
    if (step.state == EXECUTING) {
      step_started();
      if (step.ended)
        tell_exit(step.index, step.status, step.ended_ns);
    } else
      step_setup_failed("lost", 0, NULL);
    return;
  }
  bool by_gate = (!strcmp(s.stage, "fork") && step.fork_denied) || (!strcmp(s.stage, "exec") && step.exec_denied);
  if (s.kind == 'E' && (by_gate || refused_by_kernel(s.error)))
    step_denied(s.stage);
  else if (s.kind == 'E')
    step_setup_failed(s.stage, s.error, NULL);
  else if (s.kind == 'L' && fd >= 0) {
    step.no_new_privs = s.no_new_privs;
    accept_listener(fd);
  } else if (s.kind == 'N') {
    step.state = FORKING;
    tell_child('f');
  } else if (s.kind == 'C') {
    step.command = running_step(step.index)->command = s.pid;
    origin = step.index;
    if (tracking) /* before it can be taken for a child of the joiner */
      name_own_task(s.pid, s.pid, false);
    let_go();
  }
}

/*
 * A message about a failed exec has come by now; the end of file that tells of success may not have, as the joiner holds
 * a copy.  It is not waited for here: what the joiner calls last may be waiting for our answer.
 */
static void handle_command_exit(struct running *r, int status)
{
  int index = r->index;
  uint64_t now = now_ns();
  bool is_latest = index == step.index;
  r->command = -1;
  if (is_latest)
    step.command = -1;
  while (is_latest && step.sock >= 0) {
    struct pollfd p = {.fd = step.sock, .events = POLLIN};
    if (poll(&p, 1, 0) <= 0)
      break;
    handle_status();
  }
  if (running_step(index) == NULL) /* told already */
    return;
  if (!is_latest || step.state == IDLE) {
    tell_exit(index, status, now);
    return;
  }
  step.ended = step.state == EXECUTING;
  step.status = status;
  step.ended_ns = now;
}

static void handle_joiner_exit(void)
{
  step.joiner_reaped = true;
  while (step.sock >= 0 && (step.state == JOINING || step.state == FORKING)) {
    struct pollfd p = {.fd = step.sock, .events = POLLIN};
    if (poll(&p, 1, 0) <= 0)
      break;
    handle_status();
  }
}

static void lose_guardian(void)
{
  event("guardian-lost");
  send_event();
  guardian_pid = -1;
  kill_group_once();
}

/*
 * Until a notification is received its caller waits interruptibly, and a signal handler without SA_RESTART makes the
 * call fail with EINTR.  Real-time priority, where we may have it, makes that time as short as a wake-up; joiner and
 * command get the ordinary policy back.  The supervisor runs only while a caller waits for it.
 */
static bool prompt;

static void be_prompt(void)
{
  struct sched_param lowest = {.sched_priority = 1};
  prompt = sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) == 0;
}

/*
 * Reaping drops what /proc knew of the process, and goes round in the kernel for as long as a thread of it that was
 * preempted by us is about to do the same: with real-time priority until the kernel takes our CPU away, after a second.
 */
static pid_t reap(pid_t child, int *status)
{
  struct sched_param none = {0};
  if (prompt)
    sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none);
  pid_t pid = waitpid(child, status, WNOHANG);
  if (prompt)
    be_prompt();
  return pid;
}

/* A child that has ended, left as it is: a zombie still has a name.  0: none. */
static pid_t ended_child(siginfo_t *info)
{
  info->si_pid = 0;
  return waitid(P_ALL, 0, info, WEXITED | WNOWAIT | WNOHANG) == 0 ? info->si_pid : 0;
}

/*
 * A joiner, its deputy, or a command that was not executed: the pids of some are not known here.  They have the helper's
 * name without having executed anything.
 */
static bool is_starter(pid_t pid)
{
  static const uint64_t FORKED_NO_EXEC = 0x40; /* PF_FORKNOEXEC: proc_pid_stat(5), field 9 */
  char path[40], text[1024];
  const char *comm = comm_of(pid, now_ns());
  if (comm == NULL || strcmp(comm, "kmem-gate"))
    return false;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  return read_file(path, text, sizeof text) > 0 && stat_field(text, 9) & FORKED_NO_EXEC;
}

static bool is_ours(pid_t pid)
{
  return step_of_command(pid) != NULL || pid == guardian_pid || pid == reclaimer_pid || is_starter(pid);
}

/* A child that was adopted, and that failed: nobody else hears of it. */
static void tell_orphan(const siginfo_t *info)
{
  pid_t pid = info->si_pid;
  bool exited = info->si_code == CLD_EXITED;
  if (closed || (exited && info->si_status == 0))
    return;
  uint64_t now = now_ns();
  forget_comm(pid);
  if (is_ours(pid))
    return;
  const char *comm = comm_of(pid, now);
  event("orphan-ended");
  field_number("atNs", (int64_t)(now - (start_ns ? start_ns : now)));
  field_number("pid", pid);
  field_string("comm", comm ? comm : "?");
  field_figure("code", exited ? info->si_status : -1);
  field_figure("signal", exited ? -1 : info->si_status);
  event_end(QUEUE_SOFT);
}

static void reap_children(void)
{
  int status;
  siginfo_t info;
  for (pid_t pid; (pid = ended_child(&info)) > 0;) {
    tell_orphan(&info);
    if (reap(pid, &status) != pid)
      return;
    note_reaped(pid, status);
    forget_task(pid);
    if (pid == step.joiner && !step.joiner_reaped)
      handle_joiner_exit();
    else if (step_of_command(pid) != NULL)
      handle_command_exit(step_of_command(pid), status);
    else if (pid == guardian_pid)
      lose_guardian();
    else if (pid == reclaimer_pid)
      reclaimer_pid = -1;
  }
}

static void handle_children(int signals)
{
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info)
    ;
  reap_children();
}

/* ---- supervisor: messages from the runner ------------------------------------------------------------ */

static char *inbox;
static size_t inbox_used, inbox_size;

static void send_totals(void)
{
  note_max_of_run();
  event("totals");
  field_number("denials", (int64_t)(kernel.attached ? total_of(CALLS_FAILED) : denials));
  field_number("gatedCalls", (int64_t)gated_calls);
  field_figure("maxUsage", max_of_run());
  send_event();
}

/* What the highest reading was made up of. */
static void send_parts(void)
{
  static const char *const told[] = {"slab", "kernel_stack", "pagetables", "percpu", "vmalloc", "sock"};
  for (unsigned i = 0; i < sizeof told / sizeof *told; i++)
    field_figure(told[i], counter.freshness == EXACT ? -1 : stat_figure(counter.at_peak, told[i]));
}

static void send_summary(void)
{
  bool unknown = config.failcnt_file != NULL && !kernel.attached;
  if (kernel.attached) {
    read_refusals();
    send_refusal_counts();
    failures_dropped = total_of(CALLS_FAILED) - kernel.told;
    uncounted = total_of(CALLS_UNCOUNTED);
  }
  for (int i = 0; i < count_used; i++) {
    event("count");
    field_string("comm", counts[i].comm);
    field_string("syscall", counts[i].call->name);
    field_number("errno", counts[i].error);
    field_number("count", (int64_t)counts[i].count);
    event_end(QUEUE_HARD);
  }
  for (int i = 0; i < injection_count; i++) {
    event("injection");
    field_number("reached", injections[i].reached);
    field_number("denials", (int64_t)injections[i].denials);
    field_string("seen", *injections[i].seen ? injections[i].seen : NULL);
    event_end(QUEUE_HARD);
  }
  event("summary");
  field_number("denials", (int64_t)denials);
  field_number("refusals", (int64_t)refusals);
  field_number("gatedCalls", (int64_t)gated_calls);
  field_figure("failuresDropped", unknown ? -1 : (int64_t)failures_dropped);
  field_figure("uncounted", unknown ? -1 : (int64_t)uncounted);
  field_number("eventsDropped", (int64_t)events_dropped);
  field_number("traceLost", (int64_t)trace_lost);
  field_number("reclaims", reclaims);
  field_figure("maxUsage", max_of_run());
  field_figure("limitMax", counter.freshness == EXACT || limit_max > step_peak ? limit_max : step_peak);
  field_figure("peakSeen", peak_seen);
  field_figure("lag", counter.freshness == EXACT ? -1 : counter_lag((long)cpu_count));
  field_figure("largestRise", counter.freshness == EXACT ? -1 : reading.largest_rise);
  send_parts();
  send_event();
}

/* What has ended by now is told as it would have been. */
static void close_run(void)
{
  if (!closed) {
    reap_children();
    read_deaths();
    stop_watching_kernel();
    bring_up_to_date();
    for (int i = 0; i < running_count; i++)
      running[i].failcnt_after = read_number(failcnt_fd);
    close_account();
    closed = true;
  }
  event("closed");
  send_event();
}

static void dismiss(pid_t *helper)
{
  if (*helper > 0 && kill(*helper, SIGKILL) == 0)
    waitpid(*helper, NULL, 0);
  *helper = -1;
}

static void finish(void)
{
  dismiss(&guardian_pid);
  dismiss(&reclaimer_pid);
  read_deaths();
  bring_up_to_date();
  close_account();
  while (waitpid(-1, NULL, WNOHANG) > 0)
    ;
  int escaped = kill_descendants();
  if (trace != NULL && (fflush(trace) != 0 || fclose(trace) != 0))
    trace_lost++;
  send_summary();
  event("end");
  field_number("escaped", escaped);
  event_end(QUEUE_HARD);
  for (int tries = 0; queue_used > 0 && tries < 200; tries++) {
    struct pollfd p = {.fd = CONTROL_FD, .events = POLLOUT};
    poll(&p, 1, 10);
    flush_queue();
  }
  exit(0);
}

static bool take_configuration(char **words)
{
  for (; *words; words++) {
    char *copy = must(strdup(*words));
    if (!configure(*words)) {
      send_setup_error("configuration", EINVAL, copy);
      return false;
    }
    free(copy);
  }
  if (config.usage_file && !open_counter()) {
    send_setup_error("counter", errno, config.usage_file);
    return false;
  }
  if (config.refresh_file)
    prepare_counter((long)cpu_count);
  if (config.trace_file || injection_count > 0) {
    tasks = must(calloc(MAX_TASKS, sizeof *tasks));
    tracking = true;
  }
  if (config.trace_file) {
    open_trace();
    if (trace == NULL) {
      send_setup_error("trace", errno, config.trace_file);
      return false;
    }
  }
  if (config.max_file)
    max_fd = open(config.max_file, O_RDONLY | O_CLOEXEC);
  if (config.failcnt_file)
    failcnt_fd = open(config.failcnt_file, O_RDONLY | O_CLOEXEC);
  if (config.failcnt_file)
    watch_kernel();
  if (config.gate && !build_filter()) {
    send_setup_error("filter", E2BIG, NULL);
    return false;
  }
  if (config.has_cpus && sched_setaffinity(0, sizeof config.cpus, &config.cpus) < 0) {
    send_setup_error("affinity", errno, NULL);
    return false;
  }
  if (config.oom_score)
    write_file("/proc/self/oom_score_adj", "-1000");
  if (!start_guardian()) {
    send_setup_error("guardian", errno, NULL);
    return false;
  }
  if (config.reclaim) {
    start_reclaimer();
    watch(reclaimer_sock, TAG_RECLAIMER);
  }
  return true;
}

static void take_step(char **words)
{
  struct step_request request = {0};
  size_t total = 0;
  for (char **w = words; *w; w++)
    total++;
  request.argv = must(calloc(total + 1, sizeof *request.argv));
  request.envp = must(calloc(total + 1, sizeof *request.envp));
  size_t args = 0, envs = 0;
  for (; *words; words++) {
    if (!strncmp(*words, "arg=", 4))
      request.argv[args++] = *words + 4;
    else if (!strncmp(*words, "env=", 4))
      request.envp[envs++] = *words + 4;
    else if (!strncmp(*words, "path=", 5))
      request.path = *words + 5;
    else if (!strncmp(*words, "directory=", 10))
      request.directory = *words + 10;
    else if (!strcmp(*words, "stdin=null"))
      request.null_stdin = true;
    else if (!strcmp(*words, "background"))
      request.background = true;
  }
  begin_step(&request);
  free(request.argv);
  free(request.envp);
}

/*
 * "BYTES" or "none": the gate's limit from now on.  Nothing: the kernel's own has changed.  What the limit before has
 * seen ends here.  Where the counter does not tell, a limit would be no limit: then all stays as it was, as after
 * "close".
 */
static void take_limit(const char *limit)
{
  int64_t asked = limit == NULL ? config.limit : strcmp(limit, "none") ? atoll(limit) : -1;
  int64_t usage = asked >= 0 && running_count > 0 ? usage_of_task() : read_usage();
  const char *refused = asked < 0 ? NULL : usage < 0 ? "not-told" : usage == 0 && running_count > 0 ? "not-accounted" : NULL;
  note_max();
  int64_t before = limit_max;
  if (refused == NULL && !closed) {
    forget_max();
    limit_max = -1;
    config.limit = asked;
    holds_until = 0;
    usage = read_usage();
  }
  event("limit");
  field_string("refused", refused);
  field_figure("usage", usage);
  field_figure("maxUsage", before);
  send_event();
}

static void take_message(char **words)
{
  if (*words == NULL)
    return;
  static bool configured;
  if (!strcmp(*words, "config"))
    configured = take_configuration(words + 1);
  else if (!strcmp(*words, "step") && configured) /* else the runner has been told why */
    take_step(words + 1);
  else if (!strcmp(*words, "limit") && configured)
    take_limit(words[1]);
  else if (!strcmp(*words, "totals"))
    send_totals();
  else if (!strcmp(*words, "outside"))
    begin_outside();
  else if (!strcmp(*words, "close"))
    close_run();
  else if (!strcmp(*words, "finish"))
    finish();
}

/* A message is a list of NUL-terminated words, ended by an empty one. */
static bool take_messages(void)
{
  for (;;) {
    size_t start = 0, count = 0;
    bool complete = false;
    for (size_t i = 0; i < inbox_used; i++) {
      if (inbox[i] != '\0')
        continue;
      if (i == start) {
        complete = true;
        start = i + 1;
        break;
      }
      count++;
      start = i + 1;
    }
    if (!complete)
      return true;
    char **words = must(calloc(count + 1, sizeof *words));
    char *p = inbox;
    for (size_t i = 0; i < count; i++, p += strlen(p) + 1)
      words[i] = p;
    take_message(words);
    free(words);
    memmove(inbox, inbox + start, inbox_used - start);
    inbox_used -= start;
  }
}

static void handle_control(void)
{
  if (inbox_size - inbox_used < 65536) {
    inbox_size = inbox_size * 2 + 131072;
    inbox = must(realloc(inbox, inbox_size));
  }
  ssize_t n = recv(CONTROL_FD, inbox + inbox_used, inbox_size - inbox_used, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0) { /* the runner is gone */
    kill_and_remove_group();
    kill_descendants();
    exit(1);
  }
  inbox_used += (size_t)n;
  take_messages();
}

/* ---- supervisor: main ---------------------------------------------------------------------------------- */

static bool allocate_notification(void)
{
  struct seccomp_notif_sizes sizes = {0};
  if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
    sizes = (struct seccomp_notif_sizes){sizeof *notif, sizeof *response, sizeof(struct seccomp_data)};
  notif_size = sizes.seccomp_notif > sizeof *notif ? sizes.seccomp_notif : sizeof *notif;
  size_t response_size =
      sizes.seccomp_notif_resp > sizeof *response ? sizes.seccomp_notif_resp : sizeof *response;
  notif = must(calloc(1, notif_size));
  response = must(calloc(1, response_size));
  return true;
}

static int open_signals(void)
{
  sigset_t mask;
  /* The terminal's signals reach the whole foreground group; what they mean for the run, the runner decides. */
  static const int ignored[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2};
  for (unsigned i = 0; i < sizeof ignored / sizeof *ignored; i++)
    signal(ignored[i], SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigprocmask(SIG_BLOCK, &mask, &original_mask);
  return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Somebody who probes it (gc) holds it for a moment. */
static bool take_lock(void)
{
  for (int tries = 0; tries < 200; tries++) {
    if (flock(LOCK_FD, LOCK_EX | LOCK_NB) == 0)
      return true;
    if (errno != EWOULDBLOCK)
      return false;
    sleep_ms(5);
  }
  return false;
}

static int supervise(void)
{
  prctl(PR_SET_NAME, "kmem-gate");
  fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
  fcntl(LOCK_FD, F_SETFD, FD_CLOEXEC);
  queue = must(malloc(QUEUE_HARD));
  int signals = open_signals();
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (signals < 0 || epoll_fd < 0) {
    send_setup_error("supervisor", errno, NULL);
    return 1;
  }
  if (!take_lock()) {
    send_setup_error("lock", errno, NULL);
    return 1;
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  be_prompt();
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_count = cpus > 0 ? (uint64_t)cpus : 1;
  allocate_notification();
  watch(CONTROL_FD, TAG_CONTROL);
  watch(signals, TAG_SIGNALS);
  event("locked");
  send_event();
  for (;;) {
    struct epoll_event ready[8];
    bool backlog = queue_used > queue_sent;
    int n = epoll_wait(epoll_fd, ready, 8, backlog ? 10 : -1);
    for (int i = 0; i < n; i++) {
      int fd = (int)(uint32_t)ready[i].data.u64;
      switch ((enum tag)(ready[i].data.u64 >> 32 & 0xff)) {
      case TAG_LISTENER:
        origin = (int)(ready[i].data.u64 >> 40);
        handle_notification(fd, ready[i].events);
        break;
      case TAG_CONTROL: handle_control(); break;
      case TAG_SIGNALS: handle_children(fd); break;
      case TAG_STATUS: if (fd == step.sock) handle_status(); break;
      case TAG_RECLAIMER: handle_reclaimed(); break;
      case TAG_REFUSALS: read_refusals(); break;
      case TAG_LIVELOCK: look_for_livelock(); break;
      case TAG_READING: handle_reading(); break;
      case TAG_DEATH: handle_death(fd); break;
      }
    }
    if (queue_used > queue_sent)
      flush_queue();
  }
}

/* ---- other uses ------------------------------------------------------------------------------------------ */

/* One line per file: "free", "held" or "absent", a tab, the file.  A lock that is held has somebody in charge. */
static int show_locks(int count, char **files)
{
  for (int i = 0; i < count; i++) {
    int fd = open(files[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const char *state = fd < 0 ? "absent" : flock(fd, LOCK_EX | LOCK_NB) == 0 ? "free" : "held";
    printf("%s\t%s\n", state, files[i]);
    if (fd >= 0)
      close(fd);
  }
  return 0;
}

/* Does a listener work here?  Found out by doing it, in a child that is thrown away. */
static int probe(void)
{
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return 1;
  pid_t child = fork();
  if (child == 0) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof code / sizeof *code, code};
    struct status s = {.kind = 'L'};
    int listener = install_filter(&prog, &s.no_new_privs);
    s.error = listener < 0 ? errno : 0;
    send_message(pair[1], &s, sizeof s, listener);
    if (listener < 0)
      _exit(1);
    errno = 0;
    _exit(syscall(SYS_getppid) == -1 && errno == ENOMEM ? 0 : 1);
  }
  close(pair[1]);
  struct status s = {0};
  int listener = -1, sync = 0, answered = 0;
  bool responded = false;
  if (child > 0 && receive_message(pair[0], &s, sizeof s, &listener, 0) == sizeof s && listener >= 0) {
    __u64 flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
    sync = ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags) == 0;
    allocate_notification();
    struct pollfd p = {.fd = listener, .events = POLLIN};
    if (poll(&p, 1, 2000) == 1 && ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notif) == 0) {
      response->id = notif->id;
      response->error = -ENOMEM;
      responded = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, response) == 0;
    }
  }
  int status = 1;
  if (child > 0) {
    if (!responded)
      kill(child, SIGKILL);
    waitpid(child, &status, 0);
    answered = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  printf("{\"listener\":%s,\"errno\":%d,\"noNewPrivs\":%s,\"syncWakeUp\":%s}\n", answered ? "true" : "false", s.error,
         s.no_new_privs ? "true" : "false", sync ? "true" : "false");
  return answered ? 0 : 1;
}

/*
 * Joins a group and makes pipes, which are charged to it: 1 if one was refused, 0 if 400 of them (a megabyte) were not,
 * 2 if it could not be tried.
 */
static int charge(const char *tasks_file)
{
  struct rlimit files;
  int pair[2];
  if (getrlimit(RLIMIT_NOFILE, &files) < 0)
    return 2;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (!write_file(tasks_file, "0"))
    return 2;
  for (int i = 0; i < 400; i++)
    if (pipe2(pair, O_CLOEXEC) < 0)
      return errno == EMFILE ? 2 : 1;
  return 0;
}

int main(int argc, char **argv)
{
  if (argc >= 2 && !strcmp(argv[1], "supervise"))
    return supervise();
  if (argc >= 2 && !strcmp(argv[1], "locks"))
    return show_locks(argc - 2, argv + 2);
  if (argc == 2 && !strcmp(argv[1], "hold")) /* what is inherited stays locked as long as who gave it has it open */
    return flock(CONTROL_FD, LOCK_EX | LOCK_NB) == 0 ? 0 : 1;
  if (argc == 2 && !strcmp(argv[1], "probe"))
    return probe();
  if (argc == 3 && !strcmp(argv[1], "charge"))
    return charge(argv[2]);
  fprintf(stderr, "usage: kmem-gate supervise | locks FILE... | hold | probe | charge TASKS\n");
  return 2;
}
