#include "watched.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../bpf/shared.h"
#include "../common/event.h"
#include "config.h"
#include "embedded.h"
#include "events.h"
#include "object_load.h"

static struct object object;
static bool is_open;

bool name_group(struct object *programs)
{
  struct watched_group *group = object_variable(programs, "group");
  struct stat status;
  if (stat(config.watched, &status) < 0)
    return false;
  group->id = status.st_ino;
  return true;
}

static bool is_unified(void)
{
  return config.refresh_file != NULL;
}

static bool find_place(struct usage_place *place, bool unified)
{
  long cpus = sysconf(_SC_NPROCESSORS_CONF);
  *place = (struct usage_place){.unified = unified, .cpus = unified ? (uint32_t)cpus : 0};
  errno = E2BIG;
  return !unified || cpus <= MAX_CPUS;
}

bool open_group_object(struct object *programs, const struct image *image, bool unified)
{
  struct usage_place place;
  if (!find_place(&place, unified) || !open_object(programs, image))
    return false;
  *(struct usage_place *)object_variable(programs, "place") = place;
  if (image == &watch_image)
    ((struct fault_config *)object_variable(programs, "config"))->limit = NO_LIMIT;
  return true;
}

/* The keeper's, if they were loaded for the same kind of cgroup. */
static bool borrow(void)
{
  struct usage_place place;
  if (config.lent_watch == NULL || !find_place(&place, is_unified()) ||
      !borrow_object(&object, &watch_image, config.lent_watch))
    return false;
  if (memcmp(object_variable(&object, "place"), &place, sizeof place) != 0) {
    close_object(&object);
    return false;
  }
  /* They are attached: nobody is our descendant until moves are watched, and nothing is limited. */
  ((struct move_config *)object_variable(&object, "move_config"))->supervisor = UINT32_MAX;
  ((struct fault_config *)object_variable(&object, "config"))->limit = NO_LIMIT;
  ((struct enforce_config *)object_variable(&object, "enforce"))->limit = NO_LIMIT;
  return true;
}

struct object *watch_programs(void)
{
  if (is_open)
    return &object;
  if (!borrow() && !open_group_object(&object, &watch_image, is_unified()))
    return NULL;
  is_open = name_group(&object);
  if (!is_open) {
    int saved = errno;
    close_object(&object);
    errno = saved;
    return NULL;
  }
  return &object;
}

uint64_t events_missed(void)
{
  return is_open ? object_misses(&object) : 0;
}

/* On cgroup v2 readings and page faults need the same program: attached twice it would count each page twice. */
static bool is_attached(const struct object *programs, const char *section)
{
  for (int i = 0; i < programs->program_count; i++)
    if (!strcmp(programs->program[i].section, section))
      return programs->program[i].link >= 0;
  return false;
}

bool load_and_attach(struct object *programs, const char *section)
{
  if (is_attached(programs, section))
    return true;
  return load_object_program(programs, section, 0) >= 0 && attach_object_program(programs, section);
}

void report_fitted(void)
{
  for (int i = config.fitted_count; fitted_word(i) != NULL; i++) {
    event("fitted");
    field_string("word", fitted_word(i));
    event_end(QUEUE_HARD);
  }
}

void report_unwatched(const char *what, int error)
{
  event("unwatched");
  field_string("what", what);
  field_number("errno", error);
  send_event();
}
