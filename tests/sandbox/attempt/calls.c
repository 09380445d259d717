/* System calls by which sandboxes were left, or from which attacks on the kernel begin. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.h"

static int bpf(char **words) {
  (void)words;
  struct { uint32_t type, key, value, entries, flags; char rest[100]; } map = {2, 4, 4, 1, 0, {0}};
  return (int)syscall(SYS_bpf, 0, &map, 20);
}

static int perf(char **words) {
  (void)words;
  /* Of the own process, without the kernel and the hypervisor: what an ordinary user may. */
  struct { uint32_t type, size; uint64_t config, period, sample, read, flags; char rest[80]; } event = {
      1, 64, 0, 0, 0, 0, 1 << 5 | 1 << 6, {0}};
  return (int)syscall(SYS_perf_event_open, &event, 0, -1, -1, 0);
}

static int io_uring(char **words) {
  (void)words;
  char parameters[120] = {0};
  return (int)syscall(SYS_io_uring_setup, 4, parameters);
}

static int userfault(char **words) {
  (void)words;
  return (int)syscall(SYS_userfaultfd, 1 /* of user mode alone, which everybody may */);
}

static int session_keys(char **words) {
  (void)words;
  return (int)syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3 /* the session's */, 1);
}

static int add_key(char **words) {
  (void)words;
  return (int)syscall(SYS_add_key, "user", "operone-test", "x", 1, -2 /* the process's */);
}

static int trace(char **words) {
  (void)words;
  return (int)ptrace(PTRACE_TRACEME, 0, 0, 0);
}

static int unshare_user(char **words) {
  (void)words;
  return unshare(CLONE_NEWUSER);
}

static int wait_for(pid_t child) {
  if (child < 0) return -1;
  if (child == 0) _exit(0);
  return waitpid(child, NULL, 0) == child ? 0 : -1;
}

static int clone_user(char **words) {
  (void)words;
  return wait_for((pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static int clone3_user(char **words) {
  (void)words;
  uint64_t arguments[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0};
  return wait_for((pid_t)syscall(435, arguments, sizeof arguments));
}

static int clone3_plain(char **words) {
  (void)words;
  uint64_t arguments[8] = {0, 0, 0, 0, SIGCHLD, 0, 0, 0};
  return wait_for((pid_t)syscall(435, arguments, sizeof arguments));
}

static int enter_namespace(char **words) {
  (void)words;
  int fd = open("/proc/self/ns/uts", O_RDONLY);
  return fd < 0 ? -1 : setns(fd, CLONE_NEWUTS);
}

static int mount_tmpfs(char **words) { return mount("tmpfs", words[0], "tmpfs", 0, NULL); }
static int mount_new_way(char **words) {
  (void)words;
  return (int)syscall(430 /* fsopen */, "tmpfs", 0);
}
static int copy_tree(char **words) {
  (void)words;
  return (int)syscall(428 /* open_tree */, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */);
}
static int change_root(char **words) { return chroot(words[0]); }
static int host_name(char **words) {
  (void)words;
  char name[65];
  return gethostname(name, sizeof name) != 0 ? -1 : sethostname(name, strlen(name));
}

static int own_memory(char **words) {
  (void)words;
  char from[] = "x", to[2];
  struct iovec local = {to, 1}, remote = {from, 1};
  return (int)process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static int compare(char **words) {
  (void)words;
  return (int)syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0);
}

static int take_descriptor(char **words) {
  (void)words;
  int self = (int)syscall(434 /* pidfd_open */, getpid(), 0);
  return self < 0 ? -1 : (int)syscall(438 /* pidfd_getfd */, self, 1, 0);
}

static int file_handle(char **words) {
  struct { uint32_t bytes; int type; char data[128]; } handle = {128, 0, {0}};
  int mount_id;
  return (int)syscall(SYS_name_to_handle_at, AT_FDCWD, words[0], &handle, &mount_id, 0);
}

static int secret_memory(char **words) {
  (void)words;
  return (int)syscall(447, 0);
}

static int kernel_log(char **words) {
  (void)words;
  return (int)syscall(SYS_syslog, 10 /* its size */, NULL, 0);
}

/* A terminal of its own, so that nothing is typed anywhere: the refusal is EPERM, and not EIO or ENOTTY. */
static int own_terminal(void) {
  int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), no = 0;
  if (master < 0 || ioctl(master, 0x40045431 /* TIOCSPTLCK */, &no) != 0) return -1;
  return ioctl(master, 0x5441 /* TIOCGPTPEER */, O_RDWR | O_NOCTTY);
}
static int type_ahead(char **words) {
  (void)words;
  if (setsid() < 0 && errno != EPERM) return -1;
  int terminal = own_terminal();
  if (terminal < 0) return -1;
  ioctl(terminal, TIOCSCTTY, 0);
  return ioctl(terminal, TIOCSTI, "x");
}
static int paste(char **words) {
  (void)words;
  int terminal = own_terminal();
  char question = 6; /* TIOCL_GETSHIFTSTATE: on what is no console, the kernel itself says ENOTTY */
  return terminal < 0 ? -1 : ioctl(terminal, 0x541C, &question) == 0 || errno == ENOTTY ? 0 : -1;
}
static int discipline(char **words) {
  (void)words;
  int terminal = own_terminal(), which = 0;
  return terminal < 0 ? -1 : ioctl(terminal, 0x5423, &which);
}

static int of_family(int family, int kind, int protocol) { return socket(family, kind, protocol); }
static int vsock(char **words) { (void)words; return of_family(40, SOCK_STREAM, 0); }
static int algorithms(char **words) { (void)words; return of_family(38, SOCK_SEQPACKET, 0); }
static int packets(char **words) { (void)words; return of_family(AF_PACKET, SOCK_RAW, 0); }
static int events(char **words) { (void)words; return of_family(AF_NETLINK, SOCK_RAW, 15); }

static int old_personality(char **words) {
  (void)words;
  return personality(0x0100000 /* MMAP_PAGE_ZERO */);
}

#ifdef __x86_64__
/* The calls of 32 bits have other numbers, which a filter could take for others. 20 is getpid. */
static int thirty_two_bits(char **words) {
  (void)words;
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
  return result > 0 ? 0 : -1;
}
#endif

const struct attempt call_attempts[] = {
    {"bpf", bpf}, {"perf", perf}, {"io_uring", io_uring}, {"userfaultfd", userfault},
    {"session keys", session_keys}, {"add key", add_key}, {"ptrace", trace},
    {"unshare user", unshare_user}, {"clone user", clone_user}, {"clone3 user", clone3_user},
    {"clone3", clone3_plain}, {"setns", enter_namespace}, {"mount", mount_tmpfs}, {"fsopen", mount_new_way},
    {"open_tree", copy_tree}, {"chroot", change_root}, {"sethostname", host_name},
    {"process_vm_readv", own_memory}, {"kcmp", compare}, {"pidfd_getfd", take_descriptor},
    {"file handle", file_handle}, {"memfd_secret", secret_memory}, {"syslog", kernel_log},
    {"TIOCSTI", type_ahead}, {"TIOCLINUX", paste}, {"TIOCSETD", discipline},
    {"vsock", vsock}, {"af_alg", algorithms}, {"packet socket", packets}, {"kernel events", events},
    {"personality", old_personality},
#ifdef __x86_64__
    {"int 0x80", thirty_two_bits},
#endif
    {0, 0},
};
