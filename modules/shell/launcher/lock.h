/* What the command and all its children can never get back: rights, files by Landlock, system calls by seccomp. */
#ifndef LAUNCHER_LOCK_H
#define LAUNCHER_LOCK_H

#include "policy.h"

/* No new privileges, no capabilities, no session keys. */
void drop_privileges(void);

/*
 * Landlock, a second wall behind the mounts; signals and abstract sockets out of the sandbox too, where the kernel
 * can (version 6 on). Returns the version, 0 where the kernel has none.
 */
int lock_files(const struct policy *policy);

/* seccomp. `unix_sockets`: whether the command may make any. */
void lock_calls(bool unix_sockets);

void set_limits(const struct policy *policy);

/*
 * No core files, and no program of the host that reads them (core_pattern): a limit of 0 would still start that, and
 * only 1 does not.
 */
void forbid_cores(void);

#endif
