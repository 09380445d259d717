/* Files that would run as their owner, made in every way there is. Each word is a path that does not exist yet. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attempt.h"

/* Whether the file has the bit now, for some ways drop it without a word. */
static int has_bits(const char *path) {
  struct stat facts;
  if (lstat(path, &facts) != 0) return -1;
  if ((facts.st_mode & (S_ISUID | S_ISGID)) != 0) return 0;
  errno = EPERM;
  return -1;
}

static int plain(const char *path) { return open(path, O_CREAT | O_RDWR, 0755); }
static int bit(char **words) { return words[1] != NULL ? 02755 : 04755; }

static int by_chmod(char **words) {
  close(plain(words[0]));
#ifdef SYS_chmod
  if (syscall(SYS_chmod, words[0], bit(words)) != 0) return -1;
#else
  if (chmod(words[0], (mode_t)bit(words)) != 0) return -1;
#endif
  return has_bits(words[0]);
}
static int by_fchmod(char **words) {
  return fchmod(plain(words[0]), (mode_t)bit(words)) != 0 ? -1 : has_bits(words[0]);
}
static int by_fchmodat(char **words) {
  close(plain(words[0]));
  return syscall(SYS_fchmodat, AT_FDCWD, words[0], bit(words)) != 0 ? -1 : has_bits(words[0]);
}
static int by_fchmodat2(char **words) {
  close(plain(words[0]));
  return syscall(452, AT_FDCWD, words[0], bit(words), 0) != 0 ? -1 : has_bits(words[0]);
}
static int by_openat(char **words) {
  umask(0);
  return syscall(SYS_openat, AT_FDCWD, words[0], O_CREAT | O_RDWR, bit(words)) < 0 ? -1 : has_bits(words[0]);
}
static int by_openat2(char **words) {
  unsigned long long how[3] = {O_CREAT | O_RDWR, (unsigned long long)bit(words), 0};
  umask(0);
  return syscall(437, AT_FDCWD, words[0], how, sizeof how) < 0 ? -1 : has_bits(words[0]);
}
static int by_tmpfile(char **words) {
  char link[64] = "/proc/self/fd/";
  umask(0);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, ".", O_TMPFILE | O_RDWR, bit(words));
  if (fd < 0 || fd > 9) return -1;
  link[14] = (char)('0' + fd);
  return linkat(AT_FDCWD, link, AT_FDCWD, words[0], AT_SYMLINK_FOLLOW) != 0 ? -1 : has_bits(words[0]);
}
static int by_mknodat(char **words) {
  umask(0);
  return syscall(SYS_mknodat, AT_FDCWD, words[0], S_IFREG | bit(words), 0) != 0 ? -1 : has_bits(words[0]);
}
#ifdef __x86_64__
static int by_open(char **words) {
  umask(0);
  return syscall(SYS_open, words[0], O_CREAT | O_RDWR, bit(words)) < 0 ? -1 : has_bits(words[0]);
}
static int by_creat(char **words) {
  umask(0);
  return syscall(SYS_creat, words[0], bit(words)) < 0 ? -1 : has_bits(words[0]);
}
static int by_mknod(char **words) {
  umask(0);
  return syscall(SYS_mknod, words[0], S_IFREG | bit(words), 0) != 0 ? -1 : has_bits(words[0]);
}
/* The upper half of the register is not part of an int: a filter that looks at it all would be passed by. */
static int by_wide_chmod(char **words) {
  close(plain(words[0]));
  return syscall(SYS_chmod, words[0], 0xffff00000000ul | (unsigned long)bit(words)) != 0 ? -1 : has_bits(words[0]);
}
#endif

const struct attempt mode_attempts[] = {
    {"chmod", by_chmod}, {"fchmod", by_fchmod}, {"fchmodat", by_fchmodat}, {"fchmodat2", by_fchmodat2},
    {"openat", by_openat}, {"openat2", by_openat2}, {"O_TMPFILE", by_tmpfile}, {"mknodat", by_mknodat},
#ifdef __x86_64__
    {"open", by_open}, {"creat", by_creat}, {"mknod", by_mknod}, {"chmod of 64 bits", by_wide_chmod},
#endif
    {0, 0},
};
