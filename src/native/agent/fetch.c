#include "fetch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "../common/file.h"

enum {
  MAX_FETCHED = 32,
  FETCH_BLOCK = 480 << 10, /* below msize, and a multiple of the page size */
  DEFAULT_READAHEAD_KIB = 128,
  SPLIT_TRIES = 200,
  SPLIT_WAIT_NS = 5000000,
};

static struct {
  char path[4096];
  struct stat stat;
} fetched[MAX_FETCHED];
static int fetched_count;
static pid_t fetcher = -1;
static bool complete; /* every file that the host named is fetched */

bool copy_attributes(const char *target, const struct stat *st)
{
  struct timespec times[2] = {st->st_atim, st->st_mtim};
  return lchown(target, st->st_uid, st->st_gid) == 0 && chmod(target, st->st_mode & 07777) == 0 &&
         utimensat(AT_FDCWD, target, times, 0) == 0;
}

/*
 * A copy without capabilities or access lists would differ from the file; labels of a security module mean nothing
 * here.
 */
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
 * Creates the directories above `path`, which the overlay merges with the host's.  Called again when they are filled,
 * it restores their times.
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

static bool copy_link(const char *from, const char *to, const struct stat *st)
{
  char target[4096];
  ssize_t n = readlink(from, target, sizeof target - 1);
  target[n > 0 ? n : 0] = '\0';
  return n > 0 && symlink(target, to) == 0 && lchown(to, st->st_uid, st->st_gid) == 0;
}

static bool create_copy(const char *from, const char *to, const struct stat *st)
{
  int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return false;
  bool like = ftruncate(fd, st->st_size) == 0 && copy_xattrs(from, to);
  close(fd);
  if (!like)
    unlink(to);
  return like;
}

/* Whether it will be fetched: not if the host has no such file or link, or it would take too much of the memory. */
static bool plan_fetch(const char *path, uint64_t *room)
{
  char from[4200], to[4200];
  struct stat st;
  snprintf(from, sizeof from, "/lower%s", path);
  snprintf(to, sizeof to, "/fetched%s", path);
  if (fetched_count == MAX_FETCHED || *path != '/' || strlen(path) >= sizeof fetched->path || lstat(from, &st) < 0 ||
      !(S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) || (uint64_t)st.st_size > *room || !copy_parents(path) ||
      !(S_ISLNK(st.st_mode) ? copy_link : create_copy)(from, to, &st))
    return false;
  *room -= (uint64_t)st.st_size;
  snprintf(fetched[fetched_count].path, sizeof fetched->path, "%s", path);
  fetched[fetched_count++].stat = st;
  return true;
}

static int hex_digit(char c)
{
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/* %XX: spaces split the kernel's command line. */
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

/* The overlay then shows the host's file. */
static void unfetch(const char *path)
{
  char to[4200];
  snprintf(to, sizeof to, "/fetched%s", path);
  unlink(to);
}

/* A partial copy is removed. */
static bool fetch(const char *path, const struct stat *st, int how)
{
  char from[4200], to[4200];
  snprintf(from, sizeof from, "/lower%s", path);
  snprintf(to, sizeof to, "/fetched%s", path);
  size_t size = (size_t)st->st_size;
  int in = open(from, O_RDONLY | how | O_CLOEXEC), out = open(to, O_RDWR | O_CLOEXEC);
  void *memory = in < 0 || out < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, out, 0);
  bool whole = memory != MAP_FAILED && fetch_into(in, memory, size);
  if (memory != MAP_FAILED)
    munmap(memory, size);
  close(in);
  close(out);
  whole &= copy_attributes(to, st);
  if (!whole)
    unfetch(path);
  return whole;
}

static bool has_huge_pages(int meminfo)
{
  static const char name[] = "\nShmemHugePages:";
  char text[4096];
  ssize_t n = pread(meminfo, text, sizeof text - 1, 0);
  text[n > 0 ? n : 0] = '\0';
  const char *line = strstr(text, name);
  return line == NULL || atoi(line + sizeof name - 1) > 0;
}

/* The kernel skips a page that is in use at the moment, so it is asked again until none is left. */
static bool split_huge_pages(int split, int meminfo)
{
  mount(NULL, "/fetched", NULL, MS_REMOUNT, "huge=never"); /* otherwise the kernel may merge them again */
  for (int tries = 0; tries < SPLIT_TRIES; tries++) {
    if (write(split, "1", 1) == 1 && !has_huge_pages(meminfo))
      return true;
    nanosleep(&(struct timespec){.tv_nsec = SPLIT_WAIT_NS}, NULL);
  }
  return false;
}

/* Whether 9p reads ahead a whole message; if it reads page by page, it keeps the kernel's default. */
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
 * Huge pages save most of the page faults of the copy.  A program that maps them has fewer page tables than elsewhere,
 * and page tables are what is measured here: huge pages are therefore split before any program sees them.
 */
void setup_prefetch(bool always)
{
  static char line[8192];
  int how = reads_ahead() ? 0 : O_DIRECT;
  if (read_text("/proc/cmdline", line, sizeof line) == NULL || strstr(line, "kmem.prefetch=") == NULL ||
      (!always && how == 0))
    return;
  /* Kept open, since /sys and /proc move meanwhile. */
  int split = open("/sys/kernel/debug/split_huge_pages", O_WRONLY | O_CLOEXEC);
  int meminfo = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
  bool huge = split >= 0 && meminfo >= 0 &&
              mount("tmpfs", "/fetched", "tmpfs", MS_NODEV, "mode=755,size=30%,huge=within_size") == 0;
  if (!huge && mount("tmpfs", "/fetched", "tmpfs", MS_NODEV, "mode=755,size=30%") < 0) {
    close(split);
    close(meminfo);
    return;
  }
  struct statfs space;
  uint64_t room = statfs("/fetched", &space) == 0 ? (uint64_t)space.f_blocks * (uint64_t)space.f_bsize : 0;
  complete = true;
  for (char *next = line, *word; (word = strsep(&next, " \n")) != NULL;)
    if (!strncmp(word, "kmem.prefetch=", 14)) {
      decode(word + 14);
      complete &= plan_fetch(word + 14, &room);
    }
  for (int i = 0; i < fetched_count; i++)
    copy_parents(fetched[i].path);
  if (fetched_count > 0 && (fetcher = fork()) == 0) {
    bool all = true;
    for (int i = 0; i < fetched_count; i++)
      if (S_ISREG(fetched[i].stat.st_mode))
        all &= fetch(fetched[i].path, &fetched[i].stat, how);
    bool whole = !huge || split_huge_pages(split, meminfo);
    for (int i = 0; i < fetched_count && !whole; i++)
      unfetch(fetched[i].path);
    _exit(all && whole ? 0 : 1);
  }
  close(split);
  close(meminfo);
}

bool has_fetched(void)
{
  return fetched_count > 0;
}

bool is_fetch_complete(void)
{
  return complete;
}

bool is_fetching(void)
{
  return fetcher > 0;
}

bool is_fetcher(pid_t pid)
{
  return pid == fetcher;
}

void handle_fetcher_exit(void)
{
  fetcher = -1;
}
