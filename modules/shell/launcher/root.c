#define _GNU_SOURCE
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"
#include "overlay.h"
#include "report.h"
#include "tree.h"

/* Where the new root is mounted until it is the root, and where the old one waits to be let go. */
#define STAGE "/tmp"
#define OLD "/.old"
/* What covers a thing that is to be hidden. */
#define EMPTY_FOLDER "/.nothing"
#define EMPTY_FILE "/.blank"

static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
enum { DEVICES = sizeof devices / sizeof *devices };

void open_sources(const struct policy *policy, struct sources *sources) {
  for (int at = 0; at < policy->entry_count; at++) {
    const struct entry *entry = &policy->entries[at];
    if (entry->kind == SHARE) continue;
    sources->entries[at] = -1;
    if (entry->kind != READ_ONLY) continue;
    sources->entries[at] = tree_at(AT_FDCWD, entry->source, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV, -1);
    if (sources->entries[at] < 0 && errno != ENOENT) fail("mount", entry->source);
  }
  for (int at = 0; at < DEVICES; at++) {
    char path[32];
    snprintf(path, sizeof path, "/dev/%s", devices[at]);
    sources->devices[at] = tree_at(AT_FDCWD, path, ATTR_NOSUID | ATTR_NOEXEC, -1);
    if (sources->devices[at] < 0) fail("mount", path);
  }
}

int made_place(const char *path, bool folder) {
  int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  char name[256];
  for (const char *rest = path; at >= 0;) {
    rest += strspn(rest, "/");
    size_t length = strcspn(rest, "/");
    if (length == 0) return at;
    if (length >= sizeof name) fail("mount", path);
    memcpy(name, rest, length);
    name[length] = '\0';
    rest += length;
    bool last = rest[strspn(rest, "/")] == '\0';
    if (!last || folder) mkdirat(at, name, 0755);
    else close(openat(at, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644));
    int next = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | (last && !folder ? 0 : O_DIRECTORY));
    close(at);
    at = next;
  }
  fail("mount", path);
}

static bool is_folder(int fd) {
  struct stat facts;
  return fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode);
}

/* mount(2) onto an open place: its path, for nobody else runs in this mount namespace yet. */
static void mount_new(const char *type, const char *target, unsigned long flags, const char *options) {
  int place = made_place(target, true);
  close(place);
  if (mount(type, target, type, flags, options) != 0) fail("mount", target);
}

static void scratch(const struct entry *entry) {
  char options[96];
  const char *mode = strcmp(entry->target, "/tmp") == 0 ? "1777" : "0700";
  snprintf(options, sizeof options, "mode=%s,size=%ld,nr_inodes=65536,uid=%u,gid=%u", mode, entry->bytes,
           getuid(), getgid());
  mount_new("tmpfs", entry->target, MS_NOSUID | MS_NODEV, options);
}

static void make_link(const struct entry *entry) {
  char parent[4096];
  snprintf(parent, sizeof parent, "%s", entry->target);
  char *slash = strrchr(parent, '/');
  slash[slash == parent ? 1 : 0] = '\0';
  int folder = made_place(parent, true);
  if (symlinkat(entry->source, folder, strrchr(entry->target, '/') + 1) != 0) fail("mount", entry->target);
  close(folder);
}

static void put(const char *path, int tree) {
  if (tree < 0) return;
  int place = made_place(path, is_folder(tree));
  attach(tree, place, path);
  close(place);
}


/* Opens what is to be held; a folder that alone is missing is made, for the command could make it otherwise. */
static int held_place(int workspace, const struct entry *entry) {
  int place = place_at(workspace, entry->target, 1);
  if (place >= 0 || errno != ENOENT || entry->kind != SHIELD_FOLDER) return place;
  char parent[256];
  snprintf(parent, sizeof parent, "%s", entry->target);
  char *slash = strrchr(parent, '/');
  if (slash == NULL) return -1;
  *slash = '\0';
  int folder = place_at(workspace, parent, 1);
  if (folder < 0) return -1;
  int made = mkdirat(folder, slash + 1, 0755);
  close(folder);
  return made == 0 ? place_at(workspace, entry->target, 1) : -1;
}

/* A thing in the workspace, mounted onto itself: a mount point cannot be renamed, removed or replaced. */
static void hold(const struct policy *policy, const struct entry *entry) {
  if (policy->workspace == NULL || !policy->workspace_writable) return;
  int workspace = place_at(AT_FDCWD, policy->workspace, 0);
  if (workspace < 0) fail("workspace", policy->workspace);
  int place = held_place(workspace, entry);
  close(workspace);
  if (place < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    /* A link would lead past the protection. */
    fail("shield", entry->target);
  }
  bool free = entry->kind == PIN && is_folder(place);
  int tree = tree_of(place, free ? 0 : ATTR_RDONLY, -1);
  if (tree < 0) fail("shield", entry->target);
  attach(tree, place, entry->target);
  close(place);
}

static void hide(const struct entry *entry) {
  int place = place_at(AT_FDCWD, entry->target, 0);
  if (place < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    fail("hide", entry->target);
  }
  const char *cover = is_folder(place) ? EMPTY_FOLDER : EMPTY_FILE;
  int tree = tree_at(AT_FDCWD, cover, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC, -1);
  if (tree < 0) fail("hide", entry->target);
  attach(tree, place, entry->target);
  close(place);
}

/* Parts of /proc that tell of, or change, the machine and not the command's own processes. */
static void mount_proc(void) {
  mount_new("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  static const char *const still[] = {"/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/sysrq-trigger"};
  for (unsigned at = 0; at < sizeof still / sizeof *still; at++) {
    int tree = tree_at(AT_FDCWD, still[at], ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC, -1);
    if (tree < 0 && errno == ENOENT) continue;
    if (tree < 0) fail("mount", still[at]);
    int place = place_at(AT_FDCWD, still[at], 0);
    attach(tree, place, still[at]);
    close(place);
  }
  static const char *const blank[] = {"/proc/keys", "/proc/key-users", "/proc/kcore", "/proc/kmsg",
                                      "/proc/timer_list", "/proc/kallsyms", "/proc/config.gz", "/proc/acpi",
                                      "/proc/scsi", "/proc/asound", "/proc/latency_stats"};
  for (unsigned at = 0; at < sizeof blank / sizeof *blank; at++) hide(&(struct entry){HIDE, NULL, blank[at], 0, false});
}

static void mount_devices(struct sources *sources) {
  for (int at = 0; at < DEVICES; at++) {
    char path[32];
    snprintf(path, sizeof path, "/dev/%s", devices[at]);
    int place = made_place(path, false);
    attach(sources->devices[at], place, path);
    close(place);
  }
  mount_new("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=67108864,nr_inodes=4096");
  mount_new("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620");
  static const char *const links[][2] = {{"pts/ptmx", "/dev/ptmx"},
                                         {"/proc/self/fd", "/dev/fd"},
                                         {"/proc/self/fd/0", "/dev/stdin"},
                                         {"/proc/self/fd/1", "/dev/stdout"},
                                         {"/proc/self/fd/2", "/dev/stderr"}};
  for (unsigned at = 0; at < sizeof links / sizeof *links; at++)
    if (symlink(links[at][0], links[at][1]) != 0) fail("mount", links[at][1]);
}

static void begin_root(void) {
  /* Nothing that is mounted here may show outside, nor the other way round. */
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) fail("mount", "/");
  static const char size[] = "mode=755,size=4m,nr_inodes=8192";
  if (mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, size) != 0) fail("mount", STAGE);
  if (mkdir(STAGE OLD, 0700) != 0 || mkdir(STAGE EMPTY_FOLDER, 0) != 0) fail("mount", STAGE);
  close(open(STAGE EMPTY_FILE, O_CREAT | O_WRONLY | O_CLOEXEC, 0));
  if (syscall(SYS_pivot_root, STAGE, STAGE OLD) != 0 || chdir("/") != 0) fail("mount", OLD);
}

static void end_root(void) {
  if (umount2(OLD, MNT_DETACH) != 0) fail("mount", OLD);
  rmdir(OLD);
  rmdir(EMPTY_FOLDER);
  unlink(EMPTY_FILE);
  struct mount_attributes still = {.set = ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV};
  if (syscall(__NR_mount_setattr, AT_FDCWD, "/", 0, &still, sizeof still) != 0) fail("mount", "/");
}

void enter_root(const struct policy *policy, struct sources *sources) {
  begin_root();
  /* While the old one is still there: the kernel gives a new /proc only to whoever sees a whole one. */
  mount_proc();
  mount_devices(sources);
  for (int at = 0; at < policy->entry_count; at++) {
    const struct entry *entry = &policy->entries[at];
    if (entry->kind == SCRATCH) scratch(entry);
    if (entry->kind == LINK) make_link(entry);
    if (entry->kind == READ_ONLY) put(entry->target, sources->entries[at]);
  }
  if (policy->overlay != NULL) put_overlay(policy, sources);
  else put(policy->workspace, sources->workspace);
  for (int at = 0; at < policy->entry_count; at++)
    if (policy->entries[at].kind == SHARE) put(policy->entries[at].target, sources->entries[at]);
  for (int at = 0; at < policy->entry_count; at++) {
    const struct entry *entry = &policy->entries[at];
    if (entry->kind == SHIELD || entry->kind == SHIELD_FOLDER || entry->kind == PIN) hold(policy, entry);
  }
  for (int at = 0; at < policy->entry_count; at++)
    if (policy->entries[at].kind == HIDE) hide(&policy->entries[at]);
  end_root();
}
