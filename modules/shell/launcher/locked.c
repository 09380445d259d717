#define _GNU_SOURCE
#include "locked.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "command.h"
#include "lock.h"
#include "report.h"

static void become_other(const struct policy *policy) {
  if (!policy->other_user) return;
  uid_t id = policy->outside;
  gid_t group = policy->outside_group;
  if (setgroups(0, NULL) != 0) fail("identity", "setgroups");
  if (setresgid(group, group, group) != 0 || setresuid(id, id, id) != 0) fail("identity", "setresuid");
}

_Noreturn void be_locked(const struct policy *policy, mode_t mask) {
  empty_bounds();
  become_other(policy);
  /* The change of user has undone it. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != policy->parent) _exit(EXIT_FAILED);
  drop_privileges();
  bool alone = policy->lock == LOCK_ALONE;
  int landlock = lock_files(policy);
  if (alone && landlock == 0) {
    errno = ENOSYS;
    fail("lock", "landlock");
  }
  if (alone) lock_calls(policy->network ? NO_UNIX_SOCKETS : NO_SOCKETS, true);
  else lock_calls(!policy->network || landlock >= 6 ? ALL_SOCKETS : NO_UNIX_SOCKETS, false);
  dprintf(REPORT_FD, "locked\n");
  become_command(policy, mask);
}
