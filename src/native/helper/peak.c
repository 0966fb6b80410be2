#include "peak.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../common/clock.h"
#include "../common/file.h"
#include "config.h"
#include "counter.h"
#include "loop.h"
#include "readings.h"
#include "run.h"
#include "steps.h"

static int max_fd = -1, failcnt_fd = -1;
static int64_t overall_max = -1, peak_seen = -1, step_peak = -1;
static int64_t limit_max = -1; /* since the limit was last changed */

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
  if (run_start() != 0 && usage - reading.last > reading.largest_rise)
    reading.largest_rise = usage - reading.last;
  reading.last = usage;
  if (usage > step_peak)
    step_peak = usage;
}

int64_t read_usage(void)
{
  uint64_t began = counter_freshness() == EXACT ? 0 : now_ns();
  int64_t usage = read_counter();
  if (usage < 0 || is_closed())
    return usage;
  if (counter_freshness() != EXACT) {
    note_reading(usage, began);
    if (usage > peak_seen)
      keep_parts();
  }
  if (usage > peak_seen)
    peak_seen = usage;
  return usage;
}

bool may_read_again(uint64_t now)
{
  return counter_freshness() != EXACT && now - reading.done_ns >= READING_SHARE * reading.cost_ns;
}

static void schedule_reading(void)
{
  uint64_t pause = READING_SHARE * reading.cost_ns;
  if (pause < READ_EVERY_MS * 1000000ull)
    pause = READ_EVERY_MS * 1000000ull;
  struct itimerspec once = {.it_value = {(time_t)(pause / 1000000000u), (long)(pause % 1000000000u)}};
  timerfd_settime(reading.timer, 0, &once, NULL);
}

void handle_reading(void)
{
  uint64_t expirations;
  if (read(reading.timer, &expirations, sizeof expirations) < 0 || is_closed())
    return;
  read_usage();
  schedule_reading();
}

void start_reading(void)
{
  if (counter_freshness() == EXACT || reading.timer >= 0)
    return;
  reading.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  watch(reading.timer, TAG_READING);
  schedule_reading();
}

static void raise_to(int64_t *highest, int64_t usage)
{
  if (usage > *highest)
    *highest = usage;
}

void note_max(void)
{
  if (is_closed())
    return;
  if (counter_freshness() != EXACT)
    read_usage();
  int64_t max = counter_freshness() == EXACT ? read_number(max_fd) : step_peak;
  if (counter_freshness() == SUMMED)
    raise_to(&max, peak_by_program());
  raise_to(&overall_max, max);
  raise_to(&limit_max, max);
  note_max_of_steps(max);
}

void note_run_max(void)
{
  if (run_start() != 0)
    note_max();
}

int64_t max_of_run(void)
{
  return counter_freshness() == EXACT || overall_max > peak_seen ? overall_max : peak_seen;
}

void reset_max(void)
{
  if (is_closed())
    return;
  step_peak = -1;
  if (counter_freshness() == SUMMED)
    reset_peak_by_program();
  if (config.max_file)
    write_file(config.max_file, "0");
}

int64_t max_of_limit(void)
{
  return limit_max;
}

int64_t max_of_limit_so_far(void)
{
  return counter_freshness() == EXACT || limit_max > step_peak ? limit_max : step_peak;
}

void reset_limit_max(void)
{
  limit_max = -1;
}

int64_t peak_of_readings(void)
{
  return peak_seen;
}

int64_t largest_rise(void)
{
  switch (counter_freshness()) {
  case EXACT: return -1;
  case SUMMED: return 0; /* the highest is seen */
  default: return reading.largest_rise;
  }
}

int64_t read_failcnt(void)
{
  return read_number(failcnt_fd);
}

void open_kernel_counters(void)
{
  if (config.max_file)
    max_fd = open(config.max_file, O_RDONLY | O_CLOEXEC);
  if (config.failcnt_file)
    failcnt_fd = open(config.failcnt_file, O_RDONLY | O_CLOEXEC);
}
