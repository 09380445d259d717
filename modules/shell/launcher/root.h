/* The root that the command sees: built from nothing, so that what is not named is not there. */
#ifndef LAUNCHER_ROOT_H
#define LAUNCHER_ROOT_H

#include "policy.h"

/* Trees that were taken from the old root; -1 for what does not exist. */
struct sources {
  int workspace;
  int layers; /* Of the overlay. */
  int entries[ENTRIES_MAX];
  int devices[8];
};

/* All but the workspace and the shares; within the new mount namespace. */
void open_sources(const struct policy *policy, struct sources *sources);

/*
 * Opens the place of an absolute path in the new root, making what is missing. No component may be a symbolic link:
 * in a workspace it could be anybody's.
 */
int made_place(const char *path, bool folder);

/* Builds the root and enters it; nothing of the old one can be reached any more. */
void enter_root(const struct policy *policy, struct sources *sources);

#endif
