#define _GNU_SOURCE
#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"

static void write_file(pid_t pid, const char *name, const char *text, const char *stage) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) fail(stage, path);
  close(fd);
}

static void write_map(pid_t pid, const char *name, unsigned inside, unsigned outside, const char *stage) {
  char line[48];
  snprintf(line, sizeof line, "%u %u 1\n", inside, outside);
  write_file(pid, name, line, stage);
}

int owner_table(uid_t owner, gid_t group, const struct policy *policy) {
  /* A namespace lives as long as a process or a descriptor does, so a child stands still while it is opened. */
  pid_t child = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (child < 0) fail("idmap", "clone");
  if (child == 0) {
    pause();
    _exit(0);
  }
  write_map(child, "uid_map", owner, policy->outside, "idmap");
  write_map(child, "gid_map", group, policy->outside_group, "idmap");
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", child);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  int failure = errno;
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  errno = failure;
  if (fd < 0) fail("idmap", path);
  return fd;
}

void write_maps(const struct policy *policy, pid_t child) {
  if (policy->other_user) {
    write_map(child, "uid_map", policy->inside, policy->outside, "identity");
    write_map(child, "gid_map", policy->inside, policy->outside_group, "identity");
    return;
  }
  /* An ordinary user may map itself alone, and only where groups can no longer be dropped. */
  write_file(child, "setgroups", "deny", "identity");
  write_map(child, "uid_map", getuid(), getuid(), "identity");
  write_map(child, "gid_map", getgid(), getgid(), "identity");
}

void become_user(const struct policy *policy) {
  if (!policy->other_user) return;
  if (setgroups(0, NULL) != 0) fail("identity", "setgroups");
  uid_t id = policy->inside;
  if (setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0) fail("identity", "setresuid");
}
