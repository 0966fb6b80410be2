#include "frames.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/memory.h"
#include "proc.h"

enum { NO_FILE = -1, MAX_FILES = 4096, COMM = 16 };

struct frame {
  bool is_code;
  int file; /* its number, or NO_FILE */
  uint64_t offset;
};

struct frames {
  int count;
  pid_t process;
  uid_t owner;
  struct frame frame[];
};

static char *files[MAX_FILES];
static int file_count;

static int number_of_file(const char *path)
{
  for (int i = file_count - 1; i >= 0; i--)
    if (!strcmp(files[i], path))
      return i;
  if (file_count == MAX_FILES)
    return NO_FILE;
  files[file_count] = must(strdup(path));
  return file_count++;
}

/* A mapping with code. */
struct mapping {
  uint64_t start, end, offset;
  int file; /* its number, or NO_FILE */
};

/* The process whose stacks were located last, until forget_maps(). */
static struct {
  pid_t tid; /* 0: none */
  uid_t owner;
  struct mapping *mapping;
  size_t count, room;
} maps;

/* A line of /proc/PID/maps (proc_pid_maps(5)). */
static void add_mapping(const char *line)
{
  struct mapping m;
  char access[5];
  int path = 0;
  if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &m.start, &m.end, access, &m.offset, &path) <
          4 ||
      access[2] != 'x')
    return;
  m.file = line[path] == '/' ? number_of_file(line + path) : NO_FILE;
  if (maps.count == maps.room) {
    maps.room = maps.room ? 2 * maps.room : 64;
    maps.mapping = must(realloc(maps.mapping, maps.room * sizeof *maps.mapping));
  }
  maps.mapping[maps.count++] = m;
}

static bool read_maps(pid_t tid)
{
  char path[32], *line = NULL;
  size_t size = 0;
  struct stat status;
  snprintf(path, sizeof path, "/proc/%d/maps", tid);
  forget_maps();
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return false;
  maps.owner = fstat(fileno(file), &status) == 0 ? status.st_uid : (uid_t)-1;
  for (ssize_t length; (length = getline(&line, &size, file)) > 0;) {
    line[length - 1] = '\0';
    add_mapping(line);
  }
  free(line);
  fclose(file);
  maps.tid = tid;
  return true;
}

void forget_maps(void)
{
  maps.tid = 0;
  maps.count = 0;
}

static void locate(struct frame *frame, uint64_t address)
{
  for (size_t i = 0; i < maps.count; i++) {
    const struct mapping *m = &maps.mapping[i];
    if (address < m->start || address >= m->end)
      continue;
    *frame = (struct frame){.is_code = true, .file = m->file, .offset = address};
    if (m->file != NO_FILE)
      frame->offset += m->offset - m->start;
    return;
  }
  *frame = (struct frame){.file = NO_FILE};
}

/*
 * A program without frame pointers has other numbers in their place.  What is no address that a call returns to ends the
 * stack.
 */
static bool is_after_call(pid_t tid, uint64_t address)
{
#ifdef __x86_64__
  enum { LONGEST = 7 };
  uint8_t code[LONGEST];
  if (!read_memory(tid, address - LONGEST, code, sizeof code))
    return false;
  if (code[LONGEST - 5] == 0xe8) /* call rel32 */
    return true;
  for (int length = 2; length <= LONGEST; length++) /* call r/m64: its length depends on the operand */
    if (code[LONGEST - length] == 0xff && (code[LONGEST - length + 1] >> 3 & 7) == 2)
      return true;
  return false;
#else
  return tid > 0 && address > 0;
#endif
}

static void cut_frames(struct frames *frames, pid_t tid, const __u64 *at)
{
  for (int i = 0; i < frames->count; i++)
    if (!frames->frame[i].is_code || (i > 0 && !is_after_call(tid, at[i])))
      frames->count = i;
}

static bool has_comm(pid_t tid, const char *comm)
{
  char path[32], now[COMM + 1];
  snprintf(path, sizeof path, "/proc/%d/comm", tid);
  FILE *file = fopen(path, "re");
  bool same = file != NULL && fgets(now, sizeof now, file) != NULL;
  if (file)
    fclose(file);
  if (!same)
    return false;
  now[strcspn(now, "\n")] = '\0';
  return !strncmp(now, comm, COMM);
}

struct frames *locate_frames(uint64_t task, const char *comm, const __u64 *at, int most)
{
  pid_t tid = (pid_t)(uint32_t)task;
  int count = 0;
  while (count < most && at[count] != 0)
    count++;
  if (count == 0 || (maps.tid != tid && !read_maps(tid)))
    return NULL;
  struct frames *frames = must(malloc(sizeof *frames + (size_t)count * sizeof *frames->frame));
  *frames = (struct frames){.count = count, .process = (pid_t)(task >> 32), .owner = maps.owner};
  for (int i = 0; i < count; i++)
    locate(&frames->frame[i], at[i]);
  cut_frames(frames, tid, at);
  if (has_comm(tid, comm))
    return frames;
  free(frames);
  return NULL;
}

/* As much of it as fits. */
static size_t frame_text(const struct frames *frames, const struct frame *frame, char *text, size_t size)
{
  int written;
  if (frame->file == NO_FILE)
    written = snprintf(text, size, "%" PRIx64 " #%d %u", frame->offset, frames->process, frames->owner);
  else
    written = snprintf(text, size, "%" PRIx64 " %s", frame->offset, files[frame->file]);
  return written < 0 ? size : (size_t)written;
}

const char *frames_text(const struct frames *frames, char *text, size_t size)
{
  size_t length = 0;
  for (int i = 0; i < frames->count; i++) {
    size_t start = length > 0 ? length + 1 : 0;
    if (start >= size)
      break;
    size_t written = frame_text(frames, &frames->frame[i], text + start, size - start);
    if (written >= size - start)
      break;
    if (length > 0)
      text[length] = '\n';
    length = start + written;
  }
  text[length] = '\0';
  return text;
}
