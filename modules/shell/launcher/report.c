#define _GNU_SOURCE
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

_Noreturn void fail(const char *stage, const char *subject) {
  dprintf(REPORT_FD, "%s\n%d\n%s", stage, errno, subject == NULL ? "" : subject);
  _exit(EXIT_FAILED);
}
