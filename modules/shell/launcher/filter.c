/*
 * The system calls that a command does not get, as a classic BPF program. A list of refusals and not of permissions:
 * programs of all kinds must run, and the walls are the namespaces; this closes the ways that lead around them, and
 * parts of the kernel that are attacked most. Calls newer than this list do not exist, as on an older kernel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"
#include "lock.h"
#include "report.h"

/* linux/filter.h, linux/seccomp.h, linux/audit.h */
enum { LOAD = 0x20, IF_EQUAL = 0x15, IF_AT_LEAST = 0x35, IF_ANY_BIT = 0x45, RETURN = 0x06 };
#define ALLOW 0x7fff0000u
#define KILL 0x80000000u
#define REFUSE(number) (0x00050000u | (uint32_t)(number))
enum { SET_FILTER = 1 };
#if defined(__x86_64__)
#define MACHINE 0xC000003Eu
#define OTHER_NUMBERS 0x40000000u /* x32 */
#elif defined(__aarch64__)
#define MACHINE 0xC00000B7u
#else
#error "The filter knows x64 and arm64."
#endif

/* The first call that this list does not know (setxattrat). */
enum { FIRST_UNKNOWN = 463 };
enum { INSTRUCTIONS_MAX = 1024 };

struct instruction {
  uint16_t code;
  uint8_t if_true, if_false;
  uint32_t value;
};
struct call_facts {
  uint32_t number, machine;
  uint64_t instruction_pointer, arguments[6];
};

static struct instruction program[INSTRUCTIONS_MAX];
static unsigned length;

static void emit(uint16_t code, uint8_t if_true, uint8_t if_false, uint32_t value) {
  if (length == INSTRUCTIONS_MAX) fail("lock", "filter");
  program[length++] = (struct instruction){code, if_true, if_false, value};
}

static void load_number(void) { emit(LOAD, 0, 0, offsetof(struct call_facts, number)); }

/* The lower half: all arguments that are looked at are ints to the kernel. */
static void load_argument(int index) {
  emit(LOAD, 0, 0, (uint32_t)(offsetof(struct call_facts, arguments) + 8 * (size_t)index));
}

static void refuse(long number, int error) {
  emit(IF_EQUAL, 0, 1, (uint32_t)number);
  emit(RETURN, 0, 0, REFUSE(error));
}

/* Refused when the argument has any of these bits. */
static void refuse_bits(long number, int argument, uint32_t bits, int error) {
  emit(IF_EQUAL, 0, 4, (uint32_t)number);
  load_argument(argument);
  emit(IF_ANY_BIT, 0, 1, bits);
  emit(RETURN, 0, 0, REFUSE(error));
  load_number();
}

static void refuse_values(long number, int argument, const uint32_t *values, int count) {
  emit(IF_EQUAL, 0, (uint8_t)(2 + 2 * count), (uint32_t)number);
  load_argument(argument);
  for (int at = 0; at < count; at++) {
    emit(IF_EQUAL, 0, 1, values[at]);
    emit(RETURN, 0, 0, REFUSE(EPERM));
  }
  load_number();
}

/* Refused unless the argument is one of these. */
static void only_values(long number, int argument, const uint32_t *values, int count, int error) {
  emit(IF_EQUAL, 0, (uint8_t)(3 + count), (uint32_t)number);
  load_argument(argument);
  for (int at = 0; at < count; at++) emit(IF_EQUAL, (uint8_t)(count - at), 0, values[at]);
  emit(RETURN, 0, 0, REFUSE(error));
  load_number();
}

/* Refused when it makes a file (O_CREAT, the bit of O_TMPFILE) with a set-id mode. */
static void refuse_created(long number, int flags, int mode) {
  const uint32_t makes = O_CREAT | (O_TMPFILE & ~O_DIRECTORY);
  emit(IF_EQUAL, 0, 6, (uint32_t)number);
  load_argument(flags);
  emit(IF_ANY_BIT, 0, 3, makes);
  load_argument(mode);
  emit(IF_ANY_BIT, 0, 1, 06000);
  emit(RETURN, 0, 0, REFUSE(EPERM));
  load_number();
}

static void refuse_foreign_machines(void) {
  emit(LOAD, 0, 0, offsetof(struct call_facts, machine));
  emit(IF_EQUAL, 1, 0, MACHINE);
  emit(RETURN, 0, 0, KILL);
  load_number();
#ifdef OTHER_NUMBERS
  emit(IF_AT_LEAST, 0, 1, OTHER_NUMBERS);
  emit(RETURN, 0, 0, REFUSE(ENOSYS));
#endif
  emit(IF_AT_LEAST, 0, 1, FIRST_UNKNOWN);
  emit(RETURN, 0, 0, REFUSE(ENOSYS));
}

static void refuse_always(void) {
  static const long numbers[] = {
      /* Mounts and namespaces: the walls themselves. */
      SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns, __NR_open_tree, __NR_move_mount,
      __NR_fsopen, __NR_fsconfig, __NR_fsmount, __NR_fspick, __NR_mount_setattr, SYS_sethostname, SYS_setdomainname,
      /* Other processes. */
      SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, __NR_pidfd_getfd, SYS_migrate_pages,
      SYS_move_pages,
      /* Files by other ways than their names. */
      SYS_open_by_handle_at, SYS_name_to_handle_at, SYS_fanotify_init,
      /* Keys, which belong to the user and not to the namespace. */
      SYS_add_key, SYS_request_key, SYS_keyctl,
      /* Parts of the kernel where most ways out were found. */
      SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, __NR_memfd_secret, SYS_lookup_dcookie, SYS_nfsservctl,
      /* The machine. */
      SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_reboot,
      SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, __NR_quotactl_fd, SYS_syslog, SYS_settimeofday,
      SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_vhangup,
#ifdef __x86_64__
      SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs,
#endif
  };
  for (unsigned at = 0; at < sizeof numbers / sizeof *numbers; at++) refuse(numbers[at], EPERM);
  /* Programs fall back from these, when they do not exist. */
  static const long absent[] = {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
                                /* Their arguments lie in memory, where no filter sees them. */
                                __NR_clone3, __NR_openat2};
  for (unsigned at = 0; at < sizeof absent / sizeof *absent; at++) refuse(absent[at], ENOSYS);
}

/* A file with a set-id mode would be the owner's on the host, whoever wrote it here. */
static void refuse_set_id(void) {
  refuse_bits(SYS_fchmod, 1, 06000, EPERM);
  refuse_bits(SYS_fchmodat, 2, 06000, EPERM);
  refuse_bits(__NR_fchmodat2, 2, 06000, EPERM);
  refuse_bits(SYS_mkdirat, 2, 06000, EPERM);
  refuse_bits(SYS_mknodat, 2, 06000, EPERM);
  refuse_created(SYS_openat, 2, 3);
#ifdef __x86_64__
  refuse_bits(SYS_chmod, 1, 06000, EPERM);
  refuse_bits(SYS_mkdir, 1, 06000, EPERM);
  refuse_bits(SYS_mknod, 1, 06000, EPERM);
  refuse_bits(SYS_creat, 1, 06000, EPERM);
  refuse_created(SYS_open, 1, 2);
#endif
}

static void refuse_namespaces(void) {
  const uint32_t new_ones = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                            CLONE_NEWPID | CLONE_NEWNET;
  refuse_bits(SYS_clone, 0, new_ones, EPERM);
}

static void refuse_ipc(void) {
  static const long numbers[] = {SYS_shmget, SYS_shmat,  SYS_shmctl,  SYS_semget,  SYS_semop,
                                 SYS_semctl, SYS_semtimedop, SYS_msgget,  SYS_msgsnd,  SYS_msgrcv,
                                 SYS_msgctl, SYS_mq_open, SYS_mq_unlink};
  for (unsigned at = 0; at < sizeof numbers / sizeof *numbers; at++) refuse(numbers[at], EPERM);
}

/* Unless the argument is a null pointer. */
static void only_null(long number, int argument) {
  emit(IF_EQUAL, 0, 6, (uint32_t)number);
  load_argument(argument);
  emit(IF_EQUAL, 0, 2, 0);
  emit(LOAD, 0, 0, (uint32_t)(offsetof(struct call_facts, arguments) + 8 * (size_t)argument + 4));
  emit(IF_EQUAL, 1, 0, 0);
  emit(RETURN, 0, 0, REFUSE(EPERM));
  load_number();
}

/* Landlock does not look at these, so they go by an open file alone: only what may be opened can be changed. */
static void refuse_by_name(void) {
  static const long numbers[] = {
      SYS_fchmodat, __NR_fchmodat2, SYS_fchownat, SYS_setxattr, SYS_lsetxattr, SYS_removexattr, SYS_lremovexattr,
#ifdef __x86_64__
      SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat,
#endif
  };
  for (unsigned at = 0; at < sizeof numbers / sizeof *numbers; at++) refuse(numbers[at], EPERM);
  only_null(SYS_utimensat, 1);
}

static void limit_sockets(enum sockets sockets) {
  if (sockets == NO_SOCKETS) refuse(SYS_socket, EAFNOSUPPORT);
  /* Families such as vsock know nothing of network namespaces. Netlink, of kind 0 alone, tells of interfaces. */
  const uint32_t families[] = {AF_INET, AF_INET6, AF_NETLINK, AF_UNIX};
  only_values(SYS_socket, 0, families, sockets == ALL_SOCKETS ? 4 : 3, EAFNOSUPPORT);
  const uint32_t pairs[] = {AF_UNIX};
  only_values(SYS_socketpair, 0, pairs, 1, EAFNOSUPPORT);
  emit(IF_EQUAL, 0, 6, SYS_socket);
  load_argument(0);
  emit(IF_EQUAL, 0, 3, AF_NETLINK);
  load_argument(2);
  emit(IF_EQUAL, 1, 0, 0);
  emit(RETURN, 0, 0, REFUSE(EAFNOSUPPORT));
  load_number();
}

static void limit_arguments(void) {
  /* TIOCSTI and TIOCLINUX type into a terminal; TIOCSETD loads line disciplines. */
  const uint32_t terminal[] = {0x5412, 0x541C, 0x5423};
  refuse_values(SYS_ioctl, 1, terminal, 3);
  /* The usual one, that of uname26, without random addresses, and the question which it is. */
  const uint32_t personalities[] = {0, 0x0008, 0x20000, 0x40000, 0xffffffff};
  only_values(SYS_personality, 0, personalities, 5, EPERM);
}

void lock_calls(enum sockets sockets, bool alone) {
  refuse_foreign_machines();
  refuse_always();
  refuse_set_id();
  refuse_namespaces();
  limit_sockets(sockets);
  if (alone) {
    refuse_ipc();
    refuse_by_name();
  }
  limit_arguments();
  emit(RETURN, 0, 0, ALLOW);
  struct { unsigned short length; struct instruction *program; } whole = {(unsigned short)length, program};
  if (syscall(SYS_seccomp, SET_FILTER, 0, &whole) != 0) fail("lock", "seccomp");
}
