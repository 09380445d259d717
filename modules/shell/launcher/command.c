#define _GNU_SOURCE
#include "command.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"
#include "lock.h"
#include "report.h"

static void take_terminal(const struct policy *policy) {
  if (!policy->terminal) return;
  if (setsid() < 0 || ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) fail("terminal", "take");
}

_Noreturn void become_command(const struct policy *policy, mode_t mask) {
  umask(mask);
  sigset_t none;
  sigemptyset(&none);
  for (int one = 1; one < NSIG; one++) signal(one, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  take_terminal(policy);
  set_limits(policy);
  if (policy->folder != NULL && chdir(policy->folder) != 0) fail("folder", policy->folder);
  syscall(__NR_close_range, REPORT_FD + 1, ~0U, 0);
  execvp(policy->command[0], policy->command);
  fail("exec", policy->command[0]);
}
