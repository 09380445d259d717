/* More than a command may have: 0 when it got it all. The word is how much. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attempt.h"

static int memory(char **words) {
  size_t bytes = strtoul(words[0], NULL, 10);
  char *all = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return -1;
  for (size_t at = 0; at < bytes; at += 4096) all[at] = 1;
  return 0;
}

static char *filled(char *all, size_t bytes) {
  for (size_t at = 0; all != MAP_FAILED && at < bytes; at += 4096) all[at] = 1;
  return all;
}

/* So many processes, with so much each; they stay until somebody ends them. */
static int memory_of_all(char **words) {
  size_t bytes = strtoul(words[1], NULL, 10);
  for (int left = atoi(words[0]); left > 0; left--) {
    if (fork() != 0) continue;
    if (filled(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes) == MAP_FAILED) _exit(1);
    for (;;) pause();
  }
  return poll(NULL, 0, 20000);
}

/* The same, and one after the other ends in between: whoever waits for children is kept busy. */
static int memory_of_restless(char **words) {
  if (fork() != 0) return memory_of_all(words);
  for (;;) {
    if (fork() == 0) {
      fork();
      _exit(0);
    }
    wait(NULL);
  }
}

/* In files without a name, which are not mapped and belong to no process alone. */
static int nameless(char **words) {
  static char block[65536];
  for (int file = atoi(words[0]); file > 0; file--) {
    int fd = memfd_create("x", 0);
    if (fd < 0) return -1;
    for (long left = atol(words[1]); left > 0; left -= (long)sizeof block)
      if (write(fd, block, sizeof block) != sizeof block) return -1;
  }
  return poll(NULL, 0, words[2] == NULL ? 20000 : atoi(words[2]));
}

/* In segments, which nobody holds. */
static int segments(char **words) {
  size_t bytes = strtoul(words[1], NULL, 10);
  for (int left = atoi(words[0]); left > 0; left--) {
    char *all = shmat(shmget(IPC_PRIVATE, bytes, 0600), NULL, 0);
    if (filled(all, bytes) == MAP_FAILED || shmdt(all) != 0) return -1;
  }
  return poll(NULL, 0, 20000);
}

/* Mapped by several, and there once; for half a second. */
static int shared(char **words) {
  size_t bytes = strtoul(words[1], NULL, 10);
  char *all = filled(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), bytes);
  if (all == MAP_FAILED) return -1;
  for (int left = atoi(words[0]); left > 0; left--)
    if (fork() == 0) {
      filled(all, bytes);
      for (;;) pause();
    }
  return poll(NULL, 0, 600);
}

static int processes(char **words) {
  int count = atoi(words[0]), result = 0, failure = 0;
  pid_t *all = calloc((size_t)count, sizeof *all);
  for (int at = 0; at < count && result == 0; at++) {
    all[at] = fork();
    if (all[at] == 0) for (;;) pause();
    if (all[at] < 0) result = -1, failure = errno;
  }
  for (int at = 0; at < count; at++)
    if (all[at] > 0) kill(all[at], SIGKILL), waitpid(all[at], NULL, 0);
  errno = failure;
  return result;
}

static int open_files(char **words) {
  for (int left = atoi(words[0]); left > 0; left--)
    if (open("/dev/null", O_RDONLY) < 0) return -1;
  return 0;
}

/* To the path of the second word. */
static int written(char **words) {
  static char block[65536];
  signal(SIGXFSZ, SIG_IGN);
  int fd = open(words[1], O_CREAT | O_WRONLY, 0644);
  for (long left = atol(words[0]); left > 0; left -= (long)sizeof block)
    if (write(fd, block, sizeof block) != sizeof block) return -1;
  return 0;
}

/* Seconds of the CPU; SIGXCPU, and then SIGKILL, end it where there is a limit. */
static int computing(char **words) {
  while (clock() / CLOCKS_PER_SEC < atoi(words[0])) {
  }
  return 0;
}

const struct attempt limit_attempts[] = {
    {"memory", memory}, {"processes", processes}, {"open files", open_files}, {"written", written},
    {"computing", computing}, {"memory of all", memory_of_all}, {"memory of restless", memory_of_restless},
    {"nameless", nameless}, {"segments", segments}, {"shared", shared}, {0, 0},
};
