#define _GNU_SOURCE
#include "tree.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "kernel.h"
#include "report.h"

static int with_attributes(int tree, unsigned attributes, int userns_fd) {
  if (tree < 0) return -1;
  struct mount_attributes wanted = {.set = attributes, .propagation = MS_PRIVATE};
  if (userns_fd >= 0) {
    wanted.set |= ATTR_IDMAP;
    wanted.userns_fd = (uint64_t)userns_fd;
  }
  if (syscall(__NR_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE_TREE, &wanted, sizeof wanted) == 0)
    return tree;
  close(tree);
  return -1;
}

int tree_at(int folder, const char *path, unsigned attributes, int userns_fd) {
  unsigned flags = TREE_CLONE | TREE_CLOEXEC | AT_RECURSIVE_TREE;
  return with_attributes((int)syscall(__NR_open_tree, folder, path, flags), attributes, userns_fd);
}

int tree_of(int fd, unsigned attributes, int userns_fd) {
  unsigned flags = TREE_CLONE | TREE_CLOEXEC | AT_RECURSIVE_TREE | AT_EMPTY_PATH;
  return with_attributes((int)syscall(__NR_open_tree, fd, "", flags), attributes, userns_fd);
}

int place_at(int folder, const char *path, int below) {
  struct open_how_request how = {
      .flags = O_PATH | O_CLOEXEC,
      .resolve = RESOLVE_NO_LINKS | RESOLVE_NO_MAGIC_LINKS | (below ? RESOLVE_BELOW : 0),
  };
  return (int)syscall(__NR_openat2, folder, path, &how, sizeof how);
}

void attach(int tree, int place, const char *subject) {
  unsigned flags = MOVE_FROM_DESCRIPTOR | MOVE_TO_DESCRIPTOR;
  if (syscall(__NR_move_mount, tree, "", place, "", flags) != 0) fail("mount", subject);
  close(tree);
}
