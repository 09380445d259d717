/* A workspace of which nothing is changed: what the command writes goes into another folder. */
#ifndef LAUNCHER_OVERLAY_H
#define LAUNCHER_OVERLAY_H

#include "policy.h"
#include "root.h"

/* The folder with the layers, given to the user that the command is outside. Ends with the report "overlay". */
void open_layers(const struct policy *policy, struct sources *sources);

/* In the new root: mounts the layers above the workspace, at its path, and closes both. */
void put_overlay(const struct policy *policy, struct sources *sources);

#endif
