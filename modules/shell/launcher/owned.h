/* What belongs to a person and is lent to the command: the workspace and the shares. */
#ifndef LAUNCHER_OWNED_H
#define LAUNCHER_OWNED_H

#include "policy.h"
#include "root.h"

/* Takes their trees; the files of each one's owner are shown as the command's. */
void open_owned(const struct policy *policy, struct sources *sources);

#endif
