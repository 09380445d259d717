/*
 * What limits of single processes do not hold: the memory of all together, and the disk. Looked at a few times a second
 * by the first process of the sandbox, which ends with all others when it is too much.
 */
#ifndef LAUNCHER_WATCH_H
#define LAUNCHER_WATCH_H

#include <signal.h>

#include "policy.h"

/* The signals by which the sandbox says that it was ended for that; nothing else on Linux sends them. */
#define MEMORY_SIGNAL SIGSTKFLT
#define DISK_SIGNAL SIGPWR

/* Before the command begins: from when on its writing counts. */
void begin_watch(const struct policy *policy);

/* Milliseconds until the next look; -1 when nothing is to be looked at. */
int until_look(const struct policy *policy);

/* 0, or the signal for the limit that has been passed. */
int look(const struct policy *policy);

#endif
