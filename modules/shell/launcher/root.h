/* The root that the command sees: built from nothing, so that what is not named is not there. */
#ifndef LAUNCHER_ROOT_H
#define LAUNCHER_ROOT_H

#include "policy.h"

/* Trees that were taken from the old root; -1 for what does not exist. */
struct sources {
  int workspace;
  int entries[ENTRIES_MAX];
  int devices[8];
};

/* The workspace alone, with its owner's files shown as the command's (`userns_fd`, or -1). */
void open_workspace(const struct policy *policy, struct sources *sources, int userns_fd);

/* Everything else; within the new mount namespace. */
void open_sources(const struct policy *policy, struct sources *sources);

/* Builds the root and enters it; nothing of the old one can be reached any more. */
void enter_root(const struct policy *policy, struct sources *sources);

#endif
