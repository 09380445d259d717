/*
 * What the launcher needs of the kernel's interface and musl's headers do not have. The numbers are those of the
 * generic table, which x64 and arm64 share from 424 on.
 */
#ifndef LAUNCHER_KERNEL_H
#define LAUNCHER_KERNEL_H

#include <stdint.h>
#include <sys/syscall.h>

#ifndef __NR_open_tree
#define __NR_open_tree 428
#endif
#ifndef __NR_move_mount
#define __NR_move_mount 429
#endif
#ifndef __NR_fsopen
#define __NR_fsopen 430
#define __NR_fsconfig 431
#define __NR_fsmount 432
#define __NR_fspick 433
#endif
#ifndef __NR_clone3
#define __NR_clone3 435
#endif
#ifndef __NR_close_range
#define __NR_close_range 436
#endif
#ifndef __NR_openat2
#define __NR_openat2 437
#endif
#ifndef __NR_pidfd_getfd
#define __NR_pidfd_getfd 438
#endif
#ifndef __NR_mount_setattr
#define __NR_mount_setattr 442
#endif
#ifndef __NR_quotactl_fd
#define __NR_quotactl_fd 443
#endif
#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule 445
#define __NR_landlock_restrict_self 446
#endif
#ifndef __NR_memfd_secret
#define __NR_memfd_secret 447
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

/* open_tree(2), move_mount(2), mount_setattr(2) */
#define TREE_CLONE 1u
#define TREE_CLOEXEC 02000000u
#define AT_RECURSIVE_TREE 0x8000u
#define MOVE_FROM_DESCRIPTOR 0x04u
#define MOVE_TO_DESCRIPTOR 0x40u
#define ATTR_RDONLY 0x01u
#define ATTR_NOSUID 0x02u
#define ATTR_NODEV 0x04u
#define ATTR_NOEXEC 0x08u
#define ATTR_IDMAP 0x100000u

struct mount_attributes {
  uint64_t set, clear, propagation, userns_fd;
};

/* openat2(2) */
#define RESOLVE_NO_MAGIC_LINKS 0x02u
#define RESOLVE_NO_LINKS 0x04u
#define RESOLVE_BELOW 0x08u

struct open_how_request {
  uint64_t flags, mode, resolve;
};

/* capset(2), version 3 */
#define CAPABILITY_VERSION 0x20080522u

/* prctl(2) */
#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif

#endif
