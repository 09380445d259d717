/*
 * The lock alone, where others have built the walls (bubblewrap), or where there are none: Landlock, seccomp, limits, no
 * privileges. See SECURITY.md for what is not held without walls.
 */
#ifndef LAUNCHER_LOCKED_H
#define LAUNCHER_LOCKED_H

#include <sys/types.h>

#include "policy.h"

/* This process becomes the command. Says "locked" on the report first, since who built the walls may fail silently. */
_Noreturn void be_locked(const struct policy *policy, mode_t mask);

#endif
