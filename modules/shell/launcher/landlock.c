#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"
#include "lock.h"
#include "report.h"

/* Rights over files, as linux/landlock.h numbers them. */
enum {
  EXECUTE = 1 << 0,
  WRITE_FILE = 1 << 1,
  READ_FILE = 1 << 2,
  READ_FOLDER = 1 << 3,
  MAKE_CHARACTER_DEVICE = 1 << 6,
  MAKE_BLOCK_DEVICE = 1 << 11,
  UP_TO_VERSION_1 = (1 << 13) - 1,
  REFER = 1 << 13,        /* version 2 */
  TRUNCATE = 1 << 14,     /* version 3 */
  IOCTL_DEVICE = 1 << 15, /* version 5 */
  FOR_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE,
};
enum { SCOPE_ABSTRACT_SOCKETS = 1, SCOPE_SIGNALS = 2 };
enum { ASK_VERSION = 1, RULE_PATH = 1 };

struct ruleset {
  uint64_t files, network, scoped;
};
struct path_rule {
  uint64_t allowed;
  int32_t folder;
} __attribute__((packed));

static uint64_t known_rights(int version) {
  uint64_t rights = UP_TO_VERSION_1;
  if (version >= 2) rights |= REFER;
  if (version >= 3) rights |= TRUNCATE;
  if (version >= 5) rights |= IOCTL_DEVICE;
  return rights;
}

static void allow(int ruleset, const char *path, uint64_t rights, uint64_t known) {
  int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return;
  struct stat facts;
  if (fd < 0 || fstat(fd, &facts) != 0) fail("lock", path);
  if (!S_ISDIR(facts.st_mode)) rights &= FOR_FILES;
  struct path_rule rule = {rights & known, fd};
  if (rule.allowed != 0 && syscall(__NR_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) != 0) fail("lock", path);
  close(fd);
}

/* What the new root has beside the entries of the policy. */
static void allow_of_root(int ruleset, uint64_t write, uint64_t known) {
  allow(ruleset, "/", READ_FOLDER, known);
  allow(ruleset, "/proc", READ_FILE | READ_FOLDER | WRITE_FILE | TRUNCATE, known);
  allow(ruleset, "/dev", READ_FILE | READ_FOLDER | WRITE_FILE | TRUNCATE | IOCTL_DEVICE, known);
  allow(ruleset, "/dev/shm", write, known);
}

/* The least that programs need where the root is the host's own. */
static void allow_of_host(int ruleset, uint64_t known) {
  static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};
  allow(ruleset, "/proc", READ_FILE | READ_FOLDER, known);
  for (unsigned at = 0; at < sizeof devices / sizeof *devices; at++)
    allow(ruleset, devices[at], READ_FILE | WRITE_FILE | TRUNCATE, known);
}

static int restrict_self(int ruleset) {
  int done = (int)syscall(__NR_landlock_restrict_self, ruleset, 0);
  close(ruleset);
  return done;
}

int lock_files(const struct policy *policy) {
  int version = (int)syscall(__NR_landlock_create_ruleset, NULL, 0, ASK_VERSION);
  if (version < 1) return 0;
  uint64_t known = known_rights(version);
  struct ruleset handled = {known, 0, version >= 6 ? SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS : 0};
  size_t size = version >= 6 ? sizeof handled : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
  int ruleset = (int)syscall(__NR_landlock_create_ruleset, &handled, size, 0);
  if (ruleset < 0) fail("lock", "landlock");
  const uint64_t read = EXECUTE | READ_FILE | READ_FOLDER;
  const uint64_t write = known & ~(uint64_t)(MAKE_CHARACTER_DEVICE | MAKE_BLOCK_DEVICE | IOCTL_DEVICE);
  if (policy->lock == LOCK_ALONE) allow_of_host(ruleset, known);
  else allow_of_root(ruleset, write, known);
  for (int at = 0; at < policy->entry_count; at++) {
    const struct entry *entry = &policy->entries[at];
    if (entry->kind == READ_ONLY) allow(ruleset, entry->target, read, known);
    if (entry->kind == SHARE) allow(ruleset, entry->target, entry->writable ? write : read, known);
    if (entry->kind == SCRATCH) allow(ruleset, entry->target, write, known);
  }
  if (policy->workspace != NULL) allow(ruleset, policy->workspace, policy->workspace_writable ? write : read, known);
  if (restrict_self(ruleset) != 0) fail("lock", "landlock");
  return version;
}
