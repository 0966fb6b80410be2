/* Node.js passes programs only UTF-8 words: here `%xx` encodes a byte that is not UTF-8, and `%` itself. */
#include "encoded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CANNOT_START = 127 };

static void decode(char *word)
{
  char *to = word;
  for (const char *from = word; *from; to++) {
    unsigned byte;
    if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
      *to = (char)byte;
      from += 3;
    } else {
      *to = *from++;
    }
  }
  *to = '\0';
}

int exec_encoded(char **words)
{
  char **program = words;
  while (*program != NULL && strcmp(*program, "--") != 0)
    program++;
  if (program == words || *program == NULL || program[1] == NULL)
    return CANNOT_START;
  *program++ = NULL;
  for (char **word = words; *word != NULL; word++)
    decode(*word);
  for (char **word = program; *word != NULL; word++)
    decode(*word);
  environ = words + 1;
  if (chdir(words[0]) == 0)
    execvp(program[0], program);
  perror(program[0]);
  return CANNOT_START;
}
