/* JSON, files and numbers: code shared by the three programs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../src/native/common/file.h"
#include "../../../src/native/common/json.h"
#include "../../../src/native/common/stat.h"
#include "../../../src/native/helper/counter.h"
#include "../../../src/native/helper/run.h"
#include "tap.h"

static const char *string_of(const char *value)
{
  static char text[256];
  struct json json = {.text = text, .size = sizeof text - 1};
  json_field_string(&json, "k", value);
  text[json.used] = '\0';
  return text;
}

static void test_strings(void)
{
  check_text(string_of("plain"), "\"k\":\"plain\"", "json: plain text");
  check_text(string_of(NULL), "\"k\":null", "json: NULL is null");
  check_text(string_of("a\"b\\c"), "\"k\":\"a\\\"b\\\\c\"", "json: quotes and backslashes");
  check_text(string_of("\n\x1f\x7f"), "\"k\":\"\\u000a\\u001f\\u007f\"", "json: control characters");
  check_text(string_of("\xc3\xa9\xe2\x82\xac\xf0\x9f\x92\xa9"), "\"k\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x92\xa9\"",
             "json: characters of 2, 3 and 4 bytes");
  check_text(string_of("\xff"), "\"k\":\"\\udcff\"", "json: a byte that begins nothing");
  check_text(string_of("\xc3"), "\"k\":\"\\udcc3\"", "json: a character cut at the end");
  check_text(string_of("\xe2\x82x"), "\"k\":\"\\udce2\\udc82x\"", "json: a character cut in the middle");
  check_text(string_of("\xc0\xaf"), "\"k\":\"\\udcc0\\udcaf\"", "json: overlong, of 2 bytes");
  check_text(string_of("\xe0\x80\xaf"), "\"k\":\"\\udce0\\udc80\\udcaf\"", "json: overlong, of 3 bytes");
  check_text(string_of("\xe0\x9f\xbf"), "\"k\":\"\\udce0\\udc9f\\udcbf\"", "json: the last overlong one");
  check_text(string_of("\xed\xa0\x80"), "\"k\":\"\\udced\\udca0\\udc80\"", "json: a surrogate");
  check_text(string_of("\xf4\x90\x80\x80"), "\"k\":\"\\udcf4\\udc90\\udc80\\udc80\"", "json: beyond U+10FFFF");
}

static void test_objects(void)
{
  char text[64];
  struct json json = {.text = text, .size = sizeof text};
  json_raw(&json, "{");
  json_field_number(&json, "n", -5);
  json_field_figure(&json, "f", -1);
  json_field_figure(&json, "g", 7);
  json_raw(&json, "}");
  check(json.used == 23 && !memcmp(text, "{\"n\":-5,\"f\":null,\"g\":7}", 23),
        "json: fields, and a figure that is unknown");
}

static void test_cut(void)
{
  char text[10];
  struct json json = {.text = text, .size = sizeof text};
  json_field_string(&json, "k", "much too long");
  check(json.cut && json.used <= sizeof text, "json: what does not fit is cut");
  size_t used = json.used;
  json_raw(&json, "x");
  check(json.used == used, "json: nothing follows what is cut");
  json_start(&json);
  json_raw(&json, "0123456789");
  check(!json.cut && json.used == 10, "json: a full buffer is not cut");
}

static void test_files(void)
{
  char path[] = "/tmp/kmem-unit-XXXXXX", text[8];
  close(mkstemp(path));
  check(write_file(path, "12345678\n"), "file: written");
  check_number(read_file(path, text, sizeof text), 7, "file: cut where the buffer ends");
  check_text(text, "1234567", "file: and ended there");
  truncate(path, 0);
  write_file(path, "a\nb\n");
  check_text(read_text(path, text, sizeof text), "a\nb", "file: its text, without the last newline");
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  check_number(read_number(fd), 0, "file: no number is 0");
  close(fd);
  unlink(path);
  check_number(read_number(-1), -1, "file: no file has no number");
  check(read_text(path, text, sizeof text) == NULL && read_file(path, text, sizeof text) == -1 && !write_file(path, ""),
        "file: none is there");
}

static void test_figures(void)
{
  const char *stat = "anon 5\nslab 30\nkernel_stack 20\npagetables 10\nslab_reclaimable 4\n";
  check_number(stat_figure(stat, "anon"), 5, "stat: the first row");
  check_number(stat_figure(stat, "slab"), 30, "stat: not one that begins alike");
  check_number(stat_figure(stat, "kernel"), -1, "stat: a key that is not there");
  check_number(stat_figure("", "anon"), -1, "stat: an empty file");
  check_number(kernel_memory(stat), 60, "counter: before 5.18 the parts are added up");
  check_number(kernel_memory("kernel 99\nslab 30\npagetables 1\n"), 99, "counter: the kernel's own sum");
  check_number(kernel_memory("anon 5\n"), -1, "counter: before 5.11 there is none");
  check_number(counter_lag(8), 0, "counter: v1 does not lag");
}

static void test_clock(void)
{
  check_number(since_start(1000), 0, "run: no time before the start");
  start_run(1000);
  start_run(2000);
  check_number(since_start(5000), 4000, "run: the first start counts");
  check_number((long long)run_start(), 1000, "run: and stays");
}

void test_common(void)
{
  test_strings();
  test_objects();
  test_cut();
  test_files();
  test_figures();
  test_clock();
}
