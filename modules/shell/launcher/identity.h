/* User and group ids: what they are inside, what outside. */
#ifndef LAUNCHER_IDENTITY_H
#define LAUNCHER_IDENTITY_H

#include <sys/types.h>

#include "policy.h"

/*
 * A user namespace as a table for an id-mapped mount: files of this owner and group on the disk count as the
 * command's. Only for root. Ends with the report "idmap".
 */
int owner_table(uid_t owner, gid_t group, const struct policy *policy);

/* Gives the new namespace of a child its one user and one group. */
void write_maps(const struct policy *policy, pid_t child);

/* In the child, once it has its maps. */
void become_user(const struct policy *policy);

#endif
