#include "profile.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "../bpf/profile.h"
#include "../common/clock.h"
#include "../common/event.h"
#include "../common/memory.h"
#include "bpf.h"
#include "config.h"
#include "embedded.h"
#include "events.h"
#include "frames.h"
#include "loop.h"
#include "object.h"
#include "object_load.h"
#include "ring.h"
#include "run.h"
#include "symbols.h"
#include "watched.h"

enum {
  LEAST_WAITS = 2,
  MOST_WAITS = 16,
  CALLBACKS_MS = 5,
  MOST_PARTS = 2000,  /* that are sent */
  DRAIN_EVERY = 200,  /* parts: the queue has room for as many */
  NAMES = 2048,       /* bytes for a kernel stack */
  FRAMES_TEXT = 8192, /* bytes for a user stack */
};

static const char *const programs[] = {"tp_btf/cgroup_rmdir",
                                       "tp_btf/kmem_cache_free",
                                       "tp_btf/kfree",
                                       "tp_btf/mm_page_free",
                                       "tp_btf/percpu_free_percpu",
                                       "tp_btf/sched_process_exit",
                                       "tp_btf/kmem_cache_alloc",
                                       "tp_btf/kmalloc",
                                       "tp_btf/percpu_alloc_percpu",
                                       "tp_btf/task_newtask",
                                       "tp_btf/mm_page_alloc"};

/* The stack of a part's first allocation. */
struct located {
  uint64_t part;
  struct frames *frames;
};

static struct {
  bool started;
  struct object object;
  struct ring ring;
  struct profile_state *state;
  struct located located[MAX_PARTS];
  int located_count;
  int reading, checking; /* programs; -1: not loaded */
  int64_t end_usage;
} profile = {.end_usage = -1};

static bool attach(const char **failed)
{
  struct part cut = {0};
  uint64_t number = CUT_PART;
  *failed = "maps";
  if (!open_group_object(&profile.object, &profile_image, config.refresh_file != NULL))
    return false;
  profile.state = object_variable(&profile.object, "profile");
  if (!name_group(&profile.object) || !set_entry(object_map(&profile.object, "parts"), &number, &cut) ||
      !map_ring(&profile.ring, object_map(&profile.object, "new_parts"), PART_RING))
    return false;
  *failed = "syscall/locate";
  int locate = load_object_program(&profile.object, *failed, 0);
  if (locate < 0)
    return false;
  if (!run_program(locate)) {
    errno = ENOENT;
    return false;
  }
  for (unsigned i = 0; i < sizeof programs / sizeof *programs; i++) {
    *failed = programs[i];
    if (!load_and_attach(&profile.object, *failed))
      return false;
  }
  prepare_names(&profile.object);
  profile.reading = load_object_program(&profile.object, "syscall/read", 0);
  profile.checking = load_object_program(&profile.object, "syscall/check", 0);
  return true;
}

bool start_profile(const char **failed)
{
  if (!attach(failed))
    return false;
  watch(object_map(&profile.object, "new_parts"), TAG_PARTS);
  profile.started = true;
  return true;
}

static void locate_part(const void *event_data)
{
  const struct part_event *e = event_data;
  if (profile.located_count == MAX_PARTS)
    return;
  struct frames *frames = locate_frames(e->task, e->comm, e->stack, USER_FRAMES);
  if (frames)
    profile.located[profile.located_count++] = (struct located){.part = e->part, .frames = frames};
}

void read_parts(void)
{
  read_ring(&profile.ring, locate_part);
  forget_maps(); /* they may change */
}

static bool read_group(void)
{
  return profile.reading >= 0 && run_program(profile.reading) && profile.state->usage_now != NOT_READ;
}

/*
 * What exited tasks had is freed by callbacks that wait for a grace period: membarrier(2) waits for one.  The kernel runs
 * few callbacks at a time: as long as more is live than is charged, some are yet to run, unless they cause no event.
 */
static void wait_for_frees(void)
{
  for (int i = 0; i < MOST_WAITS; i++) {
    uint64_t before = profile.state->live_now;
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
      return;
    sleep_ms(CALLBACKS_MS);
    bool is_same = profile.state->live_now == before;
    if (i >= LEAST_WAITS && is_same && !(read_group() && before > profile.state->usage_now))
      return;
  }
}

/* Addresses of everything that seems to be live, other than pages and stacks.  Returns their number. */
static int list_objects(uint64_t *address)
{
  int map = object_map(&profile.object, "objects"), count = 0;
  uint64_t key, *last = NULL;
  struct object_entry entry;
  for (int i = 0; i < MAX_OBJECTS && next_key(map, last, &key); i++, last = &key)
    if (get_entry(map, &key, &entry) && entry.kind == PART_OBJECT)
      address[count++] = key;
  return count;
}

/* Takes away what was released without an event.  If the program does not load, it stays. */
static void check_objects(void)
{
  struct check *check = object_variable(&profile.object, "check");
  if (profile.checking < 0)
    return;
  uint64_t *address = must(malloc(MAX_OBJECTS * sizeof *address));
  int count = list_objects(address);
  for (int i = 0; i < count; i++) {
    check->object = address[i];
    if (!run_program(profile.checking))
      break;
  }
  free(address);
}

void end_profile(void)
{
  if (!profile.started || profile.state->ended)
    return;
  wait_for_frees();
  check_objects();
  profile.state->ended = 1; /* and the counter is read at once: what is released later is in both */
  if (read_group())
    profile.end_usage = (int64_t)profile.state->usage_now;
  read_parts();
}

/* A part, and its number. */
struct numbered {
  uint64_t number;
  struct part part;
};

static uint64_t weight(const struct part *part)
{
  int64_t most = part->peak_bytes > part->live_bytes ? part->peak_bytes : part->live_bytes;
  return most > 0 ? (uint64_t)most : 0;
}

/* Two CPUs that change a part at once may leave it below 0 in what was saved at a peak. */
static void clamp(__s64 *figure)
{
  if (*figure < 0)
    *figure = 0;
}

/* The largest first. */
static int by_weight(const void *left, const void *right)
{
  const struct numbered *a = left, *b = right;
  uint64_t wa = weight(&a->part), wb = weight(&b->part);
  if (wa != wb)
    return wa < wb ? 1 : -1;
  return a->part.bytes < b->part.bytes ? 1 : a->part.bytes > b->part.bytes ? -1 : 0;
}

static struct numbered *read_all(int *count)
{
  int map = object_map(&profile.object, "parts");
  struct numbered *all = must(calloc(MAX_PARTS, sizeof *all));
  uint64_t key, *last = NULL;
  for (*count = 0; *count < MAX_PARTS && next_key(map, last, &key); last = &key) {
    struct numbered *one = &all[*count];
    one->number = key;
    if (!get_entry(map, &key, &one->part))
      continue;
    if (one->part.peak != profile.state->number) {
      one->part.peak_objects = one->part.live_objects;
      one->part.peak_bytes = one->part.live_bytes;
    }
    clamp(&one->part.peak_objects);
    clamp(&one->part.peak_bytes);
    clamp(&one->part.live_objects);
    clamp(&one->part.live_bytes);
    ++*count;
  }
  qsort(all, (size_t)*count, sizeof *all, by_weight);
  return all;
}

static const char *name_site(const struct part *part, char *text, size_t size)
{
  const __u64 at[] = {part->key.site, 0};
  const char *name = name_functions(&profile.object, at, 1, text, size);
  if (name)
    text[strcspn(text, "+")] = '\0';
  return name;
}

static const char *user_stack_of(uint64_t number, char *text, size_t size)
{
  for (int i = 0; i < profile.located_count; i++)
    if (profile.located[i].part == number)
      return frames_text(profile.located[i].frames, text, size);
  return NULL;
}

static void send_part(const struct numbered *one)
{
  static const char *const kinds[] = {
      [PART_OBJECT] = "object", [PART_PAGES] = "pages", [PART_STACK] = "stack", [PART_PERCPU] = "percpu"};
  const struct part *part = &one->part;
  char text[FRAMES_TEXT], names[NAMES], site[NAMES];
  event("part");
  field_string("kind", kinds[part->key.kind]);
  field_string("allocator", name_site(part, site, sizeof site));
  field_string("cache", part->cache[0] ? part->cache : NULL);
  field_number("size", part->key.bytes);
  field_string("comm", part->key.comm);
  field_number("call", part->key.call);
  field_number("unseen", (int64_t)part->unseen);
  field_number("peakObjects", part->peak_objects);
  field_number("peakBytes", part->peak_bytes);
  field_number("endObjects", part->live_objects);
  field_number("endBytes", part->live_bytes);
  field_number("objects", (int64_t)part->objects);
  field_number("bytes", (int64_t)part->bytes);
  field_string("kernel", name_functions(&profile.object, part->stack, KERNEL_FRAMES, names, sizeof names));
  field_string("user", user_stack_of(one->number, text, sizeof text));
  event_end(QUEUE_HARD);
}

static void add_part(struct part *sum, const struct part *part)
{
  sum->peak_objects += part->peak_objects;
  sum->peak_bytes += part->peak_bytes;
  sum->live_objects += part->live_objects;
  sum->live_bytes += part->live_bytes;
  sum->objects += part->objects;
  sum->bytes += part->bytes;
}

static void send_sums(const struct part *cut, int64_t rows)
{
  const struct profile_state *state = profile.state;
  event("profile");
  field_figure("peakAtNs", state->number ? since_start(state->at_ns) : -1);
  field_figure("peakUsage", state->number && state->usage ? (int64_t)state->usage : -1);
  field_figure("endUsage", profile.end_usage);
  field_figure("cutRows", profile.state->cut ? -1 : rows);
  field_number("cutPeakObjects", cut->peak_objects);
  field_number("cutPeakBytes", cut->peak_bytes);
  field_number("cutEndObjects", cut->live_objects);
  field_number("cutEndBytes", cut->live_bytes);
  field_number("cutObjects", (int64_t)cut->objects);
  field_number("cutBytes", (int64_t)cut->bytes);
  field_number("untracked", (int64_t)state->untracked);
  field_number("missed", (int64_t)object_misses(&profile.object));
  event_end(QUEUE_HARD);
}

void send_profile(void)
{
  struct part cut = {0};
  int64_t rows = 0;
  int count, sent = 0;
  if (!profile.started)
    return;
  struct numbered *all = read_all(&count);
  for (int i = 0; i < count; i++) {
    if (all[i].number != CUT_PART && sent < MOST_PARTS) {
      send_part(&all[i]);
      if (++sent % DRAIN_EVERY == 0)
        drain_queue();
      continue;
    }
    rows += all[i].number != CUT_PART;
    add_part(&cut, &all[i].part);
  }
  free(all);
  drain_queue();
  send_sums(&cut, rows);
}
