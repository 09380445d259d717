/*
 * The sandbox launcher: runs one command with what a policy names, and nothing else of the machine. See policy.h for
 * its words, report.h for how it fails, root.c for what the command sees, filter.c for what it may ask of the kernel.
 *
 * Three processes: this one, outside, whom the node knows, and who ends as the command ends; the first of the new
 * namespaces (first.c), whose death ends all others; and the command. Where the policy lets it connect to something, this
 * one carries the bytes (forward.c).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "first.h"
#include "forward.h"
#include "identity.h"
#include "kernel.h"
#include "lock.h"
#include "locked.h"
#include "owned.h"
#include "policy.h"
#include "report.h"
#include "root.h"

extern char **environ;

/* Whatever the node had open is not for the command: all but the three streams and the report. */
static void close_inherited(void) {
  for (int fd = 0; fd < REPORT_FD; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) _exit(EXIT_FAILED);
  if (fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) != 0) _exit(EXIT_FAILED);
  if (syscall(__NR_close_range, REPORT_FD + 1, ~0U, 0) != 0) fail("start", "close_range");
}

static void die_with_node(pid_t node) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != node) _exit(EXIT_FAILED);
}

static void join_group(const char *path) {
  if (path == NULL) return;
  int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int members = openat(folder, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  if (members < 0 || write(members, "0", 1) != 1) fail("group", path);
  close(members);
  close(folder);
}

/* A pipe may be opened by its name (/dev/stdout) only by its owner, who is root. */
static void give_pipes(const struct policy *policy) {
  if (!policy->other_user) return;
  for (int fd = 0; fd < REPORT_FD; fd++) {
    struct stat facts;
    if (fstat(fd, &facts) == 0 && S_ISFIFO(facts.st_mode) && fchown(fd, policy->outside, policy->outside_group) != 0)
      fail("start", "fchown");
  }
}

static pid_t start_first(const struct policy *policy) {
  unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (!policy->network) flags |= CLONE_NEWNET;
  pid_t child = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
  if (child < 0) fail("namespaces", "clone");
  return child;
}

/* From here on signals are for the command, which is in the same group; we end when it has ended. */
static void stand_aside(void) {
  for (int one = 1; one < NSIG; one++)
    if (one != SIGCHLD && one != SIGKILL && one != SIGSTOP) signal(one, SIG_IGN);
}

/*
 * Job control counts processes as the namespace numbers them, so the terminal is for a session that begins inside. After
 * `stand_aside`: who leads a session and lets its terminal go is told so by SIGHUP.
 */
static void release_terminal(const struct policy *policy) {
  if (policy->terminal && ioctl(STDIN_FILENO, TIOCNOTTY) != 0) fail("terminal", "release");
}

/*
 * In front of bubblewrap, which does neither: its command can take a terminal only when nobody outside has it. Only
 * what the terminal sends as it is let go is not for bubblewrap; all other signals are.
 */
static _Noreturn void stand_before(const struct policy *policy) {
  signal(SIGHUP, SIG_IGN);
  release_terminal(policy);
  if (fcntl(REPORT_FD, F_SETFD, 0) != 0) fail("start", "report");
  execv(policy->command[0], policy->command);
  fail("exec", policy->command[0]);
}

static void close_streams(void) {
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= REPORT_FD; fd++)
    if (nothing >= 0) dup2(nothing, fd);
}

/* Ends as the command did: with its code, or by its signal. */
static _Noreturn void end_as(int status) {
  if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
  int number = WTERMSIG(status);
  forbid_cores();
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_UNBLOCK, &all, NULL);
  signal(number, SIG_DFL);
  kill(getpid(), number);
  _exit(128 + number);
}

static _Noreturn void wait_for_end(pid_t first, int from_first) {
  int status, ended;
  while (waitpid(first, &ended, 0) < 0 && errno == EINTR) {
  }
  if (read(from_first, &status, sizeof status) == sizeof status) end_as(status);
  /* The first process failed, and has reported why, or was killed, and all with it. */
  end_as(ended);
}

static struct start_memory memory_of(char **words) {
  char *end = words[0];
  for (char **word = words; *word != NULL; word++) end = *word + strlen(*word);
  for (char **one = environ; *one != NULL; one++) end = *one + strlen(*one);
  return (struct start_memory){words[0], end};
}

int main(int count, char **words) {
  static struct policy policy;
  static struct sources sources;
  if (count < 2) _exit(EXIT_FAILED);
  mode_t mask = umask(0);
  umask(mask);
  close_inherited();
  read_policy(&policy, words + 1);
  die_with_node(policy.parent);
  join_group(policy.group);
  give_pipes(&policy);
  if (policy.lock == LOCK_OUTSIDE) stand_before(&policy);
  if (policy.lock != LOCK_WITHIN_WALLS) be_locked(&policy, mask);
  /* By root outside, where no folder on the way can stop it; by others inside, where alone they may. */
  if (policy.other_user) open_owned(&policy, &sources);
  struct link link;
  if (pipe2(link.ready, O_CLOEXEC) != 0 || pipe2(link.status, O_CLOEXEC) != 0) fail("start", "pipe2");
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link.sockets) != 0) fail("start", "socketpair");
  stand_aside();
  release_terminal(&policy);
  pid_t first = start_first(&policy);
  if (first == 0) be_first(&policy, &sources, &link, memory_of(words), mask);
  close(link.ready[0]);
  close(link.status[1]);
  close(link.sockets[1]);
  write_maps(&policy, first);
  if (write(link.ready[1], "x", 1) != 1) fail("start", "pipe");
  close_streams();
  carry_connections(&policy, link.sockets[0], link.status[0]);
  wait_for_end(first, link.status[0]);
}
