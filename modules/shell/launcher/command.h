/* The last step: nothing of the launcher is left but its report. */
#ifndef LAUNCHER_COMMAND_H
#define LAUNCHER_COMMAND_H

#include <sys/types.h>

#include "policy.h"

_Noreturn void become_command(const struct policy *policy, mode_t mask);

#endif
