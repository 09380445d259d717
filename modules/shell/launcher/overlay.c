#define _GNU_SOURCE
#include "overlay.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"
#include "report.h"
#include "tree.h"

/* Where the layers are mounted in the new root until the overlay holds them; nobody else runs in it yet. */
#define BELOW "/.below"
#define LAYERS "/.layers"

/*
 * userxattr: the marks of the overlay are those that an ordinary user may set. volatile: the layers are used once, so
 * the disk need not be waited for at the end.
 */
#define OPTIONS "lowerdir=" BELOW ",upperdir=" LAYERS "/upper,workdir=" LAYERS "/work,userxattr,volatile"

void open_layers(const struct policy *policy, struct sources *sources) {
  sources->layers = -1;
  if (policy->overlay == NULL) return;
  int place = place_at(AT_FDCWD, policy->overlay, 0);
  if (place < 0) fail("overlay", policy->overlay);
  /* The folder itself ("") too: the kernel looks the layers up as that user. */
  static const char *const names[] = {"", "upper", "work"};
  for (int at = 0; policy->other_user && at < 3; at++)
    if (fchownat(place, names[at], policy->outside, policy->outside_group, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0)
      fail("overlay", names[at]);
  sources->layers = tree_of(place, ATTR_NOSUID | ATTR_NODEV, -1);
  if (sources->layers < 0) fail("overlay", policy->overlay);
  close(place);
}

static void put(int tree, const char *path) {
  if (mkdir(path, 0700) != 0) fail("overlay", path);
  int place = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  attach(tree, place, path);
  close(place);
}

static void take_away(const char *path) {
  if (umount2(path, MNT_DETACH) != 0 || rmdir(path) != 0) fail("overlay", path);
}

void put_overlay(const struct policy *policy, struct sources *sources) {
  put(sources->workspace, BELOW);
  put(sources->layers, LAYERS);
  close(made_place(policy->workspace, true));
  if (mount("overlay", policy->workspace, "overlay", MS_NOSUID | MS_NODEV, OPTIONS) != 0)
    fail("overlay", policy->workspace);
  take_away(LAYERS);
  take_away(BELOW);
}
