#define _GNU_SOURCE
#include "owned.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "identity.h"
#include "kernel.h"
#include "overlay.h"
#include "report.h"
#include "tree.h"

static int taken(const char *stage, const char *path, bool writable, int userns_fd) {
  int place = place_at(AT_FDCWD, path, 0);
  if (place < 0) fail(stage, path);
  int tree = tree_of(place, ATTR_NOSUID | ATTR_NODEV | (writable ? 0 : ATTR_RDONLY), userns_fd);
  if (tree < 0) fail(userns_fd < 0 ? stage : "idmap", path);
  close(place);
  return tree;
}

/* For another user they need a table, unless that user owns them. */
static int lent(const struct policy *policy, const char *stage, const char *path, bool writable) {
  if (!policy->other_user) return taken(stage, path, writable, -1);
  struct stat owner;
  if (lstat(path, &owner) != 0) fail(stage, path);
  int table = owner.st_uid == policy->outside ? -1 : owner_table(owner.st_uid, owner.st_gid, policy);
  int tree = taken(stage, path, writable, table);
  if (table >= 0) close(table);
  return tree;
}

void open_owned(const struct policy *policy, struct sources *sources) {
  sources->workspace =
      policy->workspace == NULL ? -1 : lent(policy, "workspace", policy->workspace, policy->workspace_writable);
  for (int at = 0; at < policy->entry_count; at++) {
    const struct entry *entry = &policy->entries[at];
    if (entry->kind == SHARE) sources->entries[at] = lent(policy, "share", entry->target, entry->writable);
  }
  open_layers(policy, sources);
}
