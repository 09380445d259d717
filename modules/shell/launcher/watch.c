#define _GNU_SOURCE
#include "watch.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* A look takes no more than this part of the time. */
enum { INTERVAL_MS = 250, TIME_SHARE = 50 };
/* Nameless files in memory whose inodes are told apart; beyond, each is taken for one of its own. */
enum { INODES_MAX = 4096 };
/* New files that a command may make, where the file system counts them. */
enum { FILES_MAX = 2000000 };

/* What the places that the command can write had left when it began. */
static struct { int fd; uint64_t bytes, files; } places[ENTRIES_MAX + 1];
static int place_count;
static int64_t look_ms, next_look_ms;

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void add_place(const char *path) {
  struct statvfs facts;
  /* Held open: the words with the path are wiped. */
  int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0 || fstatvfs(fd, &facts) != 0) return;
  places[place_count].fd = fd;
  places[place_count].bytes = (uint64_t)facts.f_bfree * facts.f_frsize;
  places[place_count++].files = facts.f_ffree;
}

void begin_watch(const struct policy *policy) {
  next_look_ms = now_ms() + INTERVAL_MS;
  if (policy->disk == 0) return;
  if (policy->workspace != NULL && policy->workspace_writable) add_place(policy->workspace);
  for (int at = 0; at < policy->entry_count; at++)
    if (policy->entries[at].kind == SHARE && policy->entries[at].writable) add_place(policy->entries[at].target);
}

int until_look(const struct policy *policy) {
  if (policy->memory == 0 && place_count == 0) return -1;
  int64_t left = next_look_ms - now_ms();
  return left > 0 ? (int)left : 0;
}

static void plan_look(void) {
  int64_t slow = look_ms * TIME_SHARE;
  next_look_ms = now_ms() + (slow > INTERVAL_MS ? slow : INTERVAL_MS);
}

static bool is_disk_passed(uint64_t limit) {
  for (int at = 0; at < place_count; at++) {
    struct statvfs facts;
    if (fstatvfs(places[at].fd, &facts) != 0) continue;
    uint64_t bytes = (uint64_t)facts.f_bfree * facts.f_frsize, files = facts.f_ffree;
    if (places[at].bytes > bytes && places[at].bytes - bytes > limit) return true;
    if (places[at].files > files && places[at].files - files > FILES_MAX) return true;
  }
  return false;
}

/* Reads a file of /proc whole; false when its process is gone or does not let us. */
static bool read_proc(int process, const char *name, char *text, size_t room) {
  int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = read(fd, text, room - 1);
  close(fd);
  if (length < 0) return false;
  text[length] = '\0';
  return true;
}

/* Resident pages, as the kernel has them at hand: shared ones count for each process. */
static uint64_t resident(int process) {
  char text[128];
  unsigned long pages = 0;
  if (read_proc(process, "statm", text, sizeof text)) sscanf(text, "%*u %lu", &pages);
  return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t kilobytes(const char *text, const char *name) {
  const char *line = strstr(text, name);
  return line == NULL ? 0 : strtoull(line + strlen(name), NULL, 10) * 1024;
}

struct use {
  uint64_t anonymous, shared, nameless;
};

/* The process's part of what it has; everything that it has where it does not let us look. */
static void add_share(int process, struct use *use) {
  char text[2048];
  if (!read_proc(process, "smaps_rollup", text, sizeof text)) {
    use->anonymous += resident(process);
    return;
  }
  use->anonymous += kilobytes(text, "Pss_Anon:");
  use->shared += kilobytes(text, "Pss_Shmem:");
}

static ino_t inodes[INODES_MAX];
static int inode_count;

static bool is_new(ino_t inode) {
  for (int at = 0; at < inode_count; at++)
    if (inodes[at] == inode) return false;
  if (inode_count < INODES_MAX) inodes[inode_count++] = inode;
  return true;
}

/* Files without a name in memory (memfd), which need not be mapped to take room. */
static void add_nameless(int process, struct use *use) {
  int folder = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  DIR *all = fdopendir(folder);
  if (all == NULL) {
    close(folder);
    return;
  }
  for (struct dirent *one = readdir(all); one != NULL; one = readdir(all)) {
    char target[16];
    struct stat facts;
    ssize_t length = readlinkat(folder, one->d_name, target, sizeof target);
    if (length < 7 || memcmp(target, "/memfd:", 7) != 0) continue;
    if (fstatat(folder, one->d_name, &facts, 0) == 0 && is_new(facts.st_ino))
      use->nameless += (uint64_t)facts.st_blocks * 512;
  }
  closedir(all);
}

/* Segments of System V, which outlive their processes. */
static uint64_t segments(void) {
  FILE *list = fopen("/proc/sysvipc/shm", "re");
  if (list == NULL) return 0;
  char line[512];
  uint64_t sum = 0;
  while (fgets(line, sizeof line, list) != NULL) {
    unsigned long bytes;
    if (sscanf(line, " %*d %*d %*o %*u %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %lu", &bytes) == 1) sum += bytes;
  }
  fclose(list);
  return sum;
}

/* Calls it for each process of the sandbox but this one. */
static void each_process(void (*take)(int process, struct use *use), struct use *use) {
  DIR *all = opendir("/proc");
  if (all == NULL) return;
  for (struct dirent *one = readdir(all); one != NULL; one = readdir(all)) {
    if (!isdigit((unsigned char)one->d_name[0]) || strcmp(one->d_name, "1") == 0) continue;
    int process = openat(dirfd(all), one->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process < 0) continue;
    take(process, use);
    close(process);
  }
  closedir(all);
}

static void add_resident(int process, struct use *use) {
  use->anonymous += resident(process);
  add_nameless(process, use);
}

/* Shared memory is mapped, or without a name, or both: the larger of the two is there for certain. */
static uint64_t sum_of(const struct use *use) {
  uint64_t apart = use->nameless + segments();
  return use->anonymous + (use->shared > apart ? use->shared : apart);
}

/* Cheap and too much first; exact only where that is not enough. */
static bool is_memory_passed(uint64_t limit) {
  struct use most = {0, 0, 0}, exact = {0, 0, 0};
  inode_count = 0;
  each_process(add_resident, &most);
  if (sum_of(&most) <= limit) return false;
  each_process(add_share, &exact);
  exact.nameless = most.nameless;
  return sum_of(&exact) > limit;
}

int look(const struct policy *policy) {
  int64_t began = now_ms();
  int passed = 0;
  if (place_count > 0 && is_disk_passed(policy->disk)) passed = DISK_SIGNAL;
  else if (policy->memory > 0 && is_memory_passed(policy->memory)) passed = MEMORY_SIGNAL;
  look_ms = now_ms() - began;
  plan_look();
  return passed;
}
