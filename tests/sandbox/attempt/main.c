/* attempt NAME [WORD...]: exits 0 when the attempt worked, 10 when it was refused, 20 when there is no such one. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attempt.h"

static const struct attempt *find(const char *name) {
  const struct attempt *const all[] = {call_attempts, mode_attempts, reach_attempts, limit_attempts};
  for (unsigned list = 0; list < sizeof all / sizeof *all; list++)
    for (const struct attempt *one = all[list]; one->name != NULL; one++)
      if (strcmp(one->name, name) == 0) return one;
  return NULL;
}

int main(int count, char **words) {
  const struct attempt *attempt = count < 2 ? NULL : find(words[1]);
  if (attempt == NULL) return 20;
  if (attempt->run(words + 2) >= 0) return 0;
  printf("%d %s\n", errno, strerror(errno));
  return 10;
}
