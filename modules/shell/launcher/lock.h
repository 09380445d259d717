/* What the command and all its children can never get back: rights, files by Landlock, system calls by seccomp. */
#ifndef LAUNCHER_LOCK_H
#define LAUNCHER_LOCK_H

#include "policy.h"

/* No capability can be had again. Takes the right to, so it comes before a change of user. */
void empty_bounds(void);

/* No new privileges, no capabilities, no session keys. */
void drop_privileges(void);

/*
 * Landlock, a second wall behind the mounts; signals and abstract sockets out of the sandbox too, where the kernel
 * can (version 6 on). Returns the version, 0 where the kernel has none.
 */
int lock_files(const struct policy *policy);

/* What sockets a command may make; pairs within itself it always may. */
enum sockets { NO_SOCKETS, NO_UNIX_SOCKETS, ALL_SOCKETS };

/* seccomp. `alone`: no walls stand around the command, so what Landlock does not look at is refused as well. */
void lock_calls(enum sockets sockets, bool alone);

void set_limits(const struct policy *policy);

/*
 * No core files, and no program of the host that reads them (core_pattern): a limit of 0 would still start that, and
 * only 1 does not.
 */
void forbid_cores(void);

#endif
