#define _GNU_SOURCE
#include "first.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "forward.h"
#include "identity.h"
#include "kernel.h"
#include "lock.h"
#include "owned.h"
#include "report.h"
#include "watch.h"

static const char host_name[] = "sandbox";

static void wait_for_maps(struct link *link) {
  char byte;
  close(link->ready[1]);
  close(link->status[0]);
  close(link->sockets[0]);
  if (read(link->ready[0], &byte, 1) != 1) _exit(EXIT_FAILED);
}

/* After the change of user, which would undo it. A launcher that died before shows as the end of the pipe. */
static void die_with_launcher(struct link *link) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct pollfd end = {.fd = link->ready[0]};
  if (poll(&end, 1, 0) != 0 && (end.revents & POLLHUP) != 0) _exit(EXIT_FAILED);
  close(link->ready[0]);
}

/* An empty network has its loopback switched off, and programs that talk to themselves need it. */
static void raise_loopback(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
  strcpy(request.ifr_name, "lo");
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0) fail("network", "lo");
  close(fd);
}

/* True when the command has ended; whoever else has is forgotten. */
static bool has_ended(pid_t command, int *status) {
  pid_t ended;
  while ((ended = waitpid(-1, status, WNOHANG)) > 0)
    if (ended == command) return true;
  if (ended < 0 && errno != EINTR) _exit(EXIT_FAILED);
  return false;
}

static void block_child_signal(sigset_t *child) {
  sigemptyset(child);
  sigaddset(child, SIGCHLD);
  sigprocmask(SIG_BLOCK, child, NULL);
}

/* Until the command ends, or a limit that only this process can see is passed: then that is how it ended. */
static int wait_for(pid_t command, const struct policy *policy, const sigset_t *child) {
  int status;
  while (!has_ended(command, &status)) {
    int left = until_look(policy);
    /* A status of wait(2): the number of the signal that ended it. However many processes end, the look is not put off. */
    int passed = left == 0 ? look(policy) : 0;
    if (passed != 0) return passed;
    struct timespec time = {left / 1000, (left % 1000) * 1000000L};
    if (left < 0) sigwaitinfo(child, NULL);
    else if (left > 0) sigtimedwait(child, NULL, &time);
  }
  return status;
}

/* The descriptors of the command are the command's: while we held them too, nobody would see it close them. */
static void let_go(void) {
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= REPORT_FD; fd++) {
    if (nothing < 0) close(fd);
    else dup2(nothing, fd);
  }
  if (nothing > REPORT_FD) close(nothing);
}

static void enter(const struct policy *policy, struct sources *sources, struct link *link) {
  wait_for_maps(link);
  become_user(policy);
  die_with_launcher(link);
  umask(0);
  if (!policy->other_user) open_owned(policy, sources);
  open_sources(policy, sources);
  if (sethostname(host_name, sizeof host_name - 1) != 0) fail("mount", "hostname");
  if (!policy->network) raise_loopback();
  give_listeners(policy, link->sockets[1]);
  close(link->sockets[1]);
  enter_root(policy, sources);
}

/* Until our words are gone: a command that is quick enough could read them while they are being wiped. */
static void wait_for_silence(const int gate[2]) {
  char byte;
  close(gate[1]);
  if (read(gate[0], &byte, 1) != 1) _exit(EXIT_FAILED);
  close(gate[0]);
}

static void fall_silent(struct start_memory memory, const int gate[2]) {
  memset(memory.begin, 0, (size_t)(memory.end - memory.begin));
  close(gate[0]);
  if (write(gate[1], "", 1) != 1) _exit(EXIT_FAILED);
  close(gate[1]);
}

_Noreturn void be_first(const struct policy *policy, struct sources *sources, struct link *link,
                        struct start_memory memory, mode_t mask) {
  enter(policy, sources, link);
  drop_privileges();
  int landlock = lock_files(policy);
  /* With the host's network come its abstract sockets, and only Landlock 6 keeps these apart. */
  lock_calls(!policy->network || landlock >= 6 ? ALL_SOCKETS : NO_UNIX_SOCKETS, false);
  /* Neither the words of this process nor its memory are the command's business. */
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_NAME, "sandbox");
  begin_watch(policy);
  sigset_t child;
  block_child_signal(&child);
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) != 0) fail("start", "pipe");
  pid_t command = fork();
  if (command < 0) fail("start", "fork");
  if (command == 0) {
    wait_for_silence(gate);
    become_command(policy, mask);
  }
  fall_silent(memory, gate);
  let_go();
  int status = wait_for(command, policy, &child);
  while (write(link->status[1], &status, sizeof status) < 0 && errno == EINTR) {
  }
  /* With its first process the kernel ends every other of the namespace. */
  _exit(0);
}
