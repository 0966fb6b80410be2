#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool write_file(const char *path, const char *text)
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

ssize_t read_file(const char *path, char *buffer, size_t size)
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

char *read_text(const char *path, char *buffer, size_t size)
{
  ssize_t n = read_file(path, buffer, size);
  if (n < 0)
    return NULL;
  if (n > 0 && buffer[n - 1] == '\n')
    buffer[n - 1] = '\0';
  return buffer;
}

int64_t read_number(int fd)
{
  char text[32];
  ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
  if (n <= 0)
    return -1;
  text[n] = '\0';
  return strtoll(text, NULL, 10);
}
