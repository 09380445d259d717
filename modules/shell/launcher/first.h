/* The first process of the sandbox: builds it, starts the command, collects orphans, and ends with the command. */
#ifndef LAUNCHER_FIRST_H
#define LAUNCHER_FIRST_H

#include "policy.h"
#include "root.h"

/* What joins it to the launcher outside. */
struct link {
  int ready[2];  /* One byte from outside: the maps are written. Its end means that the launcher is dead. */
  int status[2]; /* From inside: the wait status of the command. */
  int sockets[2]; /* From inside: the listeners whose connections are carried outside. */
};

/* The words and variables that this process was started with: memory that /proc would show. */
struct start_memory {
  char *begin, *end;
};

_Noreturn void be_first(const struct policy *policy, struct sources *sources, struct link *link,
                        struct start_memory memory, mode_t mask);

#endif
