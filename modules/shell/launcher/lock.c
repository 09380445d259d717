#define _GNU_SOURCE
#include "lock.h"

#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"
#include "report.h"

enum { CAPABILITIES_MAX = 64, JOIN_SESSION_KEYRING = 1 };

void empty_bounds(void) {
  for (int one = 0; one < CAPABILITIES_MAX; one++) prctl(PR_CAPBSET_DROP, one, 0, 0, 0);
}

void drop_privileges(void) {
  /* Otherwise the keys of the user's login session stay in reach. Where the kernel has no keys, there are none. */
  syscall(SYS_keyctl, JOIN_SESSION_KEYRING, NULL);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("lock", "no_new_privs");
  empty_bounds();
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct { uint32_t version; int pid; } header = {CAPABILITY_VERSION, 0};
  uint32_t none[6] = {0};
  if (syscall(SYS_capset, &header, none) != 0) fail("lock", "capset");
}

void forbid_cores(void) {
  struct rlimit none = {1, 1};
  /* Whoever started the node may have forbidden even that. */
  if (setrlimit(RLIMIT_CORE, &none) != 0) none = (struct rlimit){0, 0}, setrlimit(RLIMIT_CORE, &none);
}

void set_limits(const struct policy *policy) {
  forbid_cores();
  for (int at = 0; at < policy->limit_count; at++) {
    const struct limit *limit = &policy->limits[at];
    struct rlimit now, wanted = {limit->value, limit->value};
    /* SIGXCPU tells what it was; whoever goes on for another second gets SIGKILL, which does not. */
    if (limit->resource == RLIMIT_CPU) wanted.rlim_max++;
    /* The node's own limit may be lower, and a lower one serves as well. */
    if (getrlimit(limit->resource, &now) == 0 && now.rlim_max < wanted.rlim_max)
      wanted = (struct rlimit){wanted.rlim_cur < now.rlim_max ? wanted.rlim_cur : now.rlim_max, now.rlim_max};
    if (setrlimit(limit->resource, &wanted) != 0) fail("limit", "setrlimit");
  }
}
