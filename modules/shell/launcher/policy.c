#define _GNU_SOURCE
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "report.h"

static _Noreturn void refuse(const char *word) {
  errno = EINVAL;
  fail("policy", word);
}

static unsigned long number(const char *word) {
  char *end;
  errno = 0;
  unsigned long value = strtoul(word, &end, 10);
  if (*word < '0' || *word > '9' || *end != '\0' || errno != 0) refuse(word);
  return value;
}

static const char *absolute(const char *word) {
  if (word[0] != '/') refuse(word);
  return word;
}

static bool choice(const char *word, const char *no, const char *yes) {
  if (strcmp(word, no) == 0) return false;
  if (strcmp(word, yes) != 0) refuse(word);
  return true;
}

static int resource(const char *name) {
  static const struct { const char *name; int resource; } known[] = {
      {"cpu", RLIMIT_CPU},     {"fsize", RLIMIT_FSIZE},   {"data", RLIMIT_DATA},
      {"nproc", RLIMIT_NPROC}, {"nofile", RLIMIT_NOFILE},
  };
  for (unsigned at = 0; at < sizeof known / sizeof *known; at++)
    if (strcmp(known[at].name, name) == 0) return known[at].resource;
  refuse(name);
}

static void add_entry(struct policy *policy, struct entry entry) {
  if (policy->entry_count == ENTRIES_MAX) refuse(entry.target);
  policy->entries[policy->entry_count++] = entry;
}

static void add(struct policy *policy, enum entry_kind kind, const char *source, const char *target) {
  add_entry(policy, (struct entry){kind, source, target, 0, false});
}

static void add_scratch(struct policy *policy, const char *target, const char *bytes) {
  add_entry(policy, (struct entry){SCRATCH, NULL, absolute(target), (long)number(bytes), false});
}

static void add_share(struct policy *policy, const char *path, const char *how) {
  if (absolute(path)[1] == '\0') refuse(path);
  add_entry(policy, (struct entry){SHARE, path, path, 0, choice(how, "ro", "rw")});
}

static void add_limit(struct policy *policy, const char *name, const char *value) {
  if (policy->limit_count == LIMITS_MAX) refuse(name);
  policy->limits[policy->limit_count++] = (struct limit){resource(name), number(value)};
}

static unsigned short port(const char *word) {
  unsigned long value = number(word);
  if (value == 0 || value > 65535) refuse(word);
  return (unsigned short)value;
}

static void add_forward(struct policy *policy, const char *from, const char *to) {
  if (policy->forward_count == FORWARDS_MAX || strlen(to) > SOCKET_PATH_MAX) refuse(to);
  struct forward forward = {port(from), NULL, 0};
  if (to[0] == '/') forward.socket = to;
  else forward.target_port = port(to);
  policy->forwards[policy->forward_count++] = forward;
}

static void set_user(struct policy *policy, char **words) {
  policy->other_user = true;
  policy->inside = (uid_t)number(words[0]);
  policy->outside = (uid_t)number(words[1]);
  policy->outside_group = (gid_t)number(words[2]);
  /* Host root must never be what the command is outside, whoever asks for it. */
  if (policy->inside == 0 || policy->outside == 0 || policy->outside_group == 0) refuse(words[1]);
}

static enum lock place_of_lock(const char *word) {
  if (strcmp(word, "outside") == 0) return LOCK_OUTSIDE;
  return choice(word, "inside", "alone") ? LOCK_ALONE : LOCK_INSIDE;
}

/* Takes one option and its words; returns how many words these were. */
static int take(struct policy *policy, const char *option, char **words, int left) {
  static const struct { const char *name; int words; } known[] = {
      {"--parent", 1},    {"--network", 1}, {"--run-as", 3},       {"--read-only", 2}, {"--link", 2},
      {"--scratch", 2},   {"--share", 2},   {"--workspace", 2},    {"--shield", 1},    {"--shield-folder", 1},
      {"--pin", 1},       {"--hide", 1},    {"--limit", 2},        {"--group", 1},     {"--folder", 1},
      {"--locked", 1},    {"--terminal", 0},   {"--overlay", 1},      {"--forward", 2},
      {"--memory", 1},    {"--disk", 1},
  };
  unsigned at = 0;
  while (at < sizeof known / sizeof *known && strcmp(known[at].name, option) != 0) at++;
  if (at == sizeof known / sizeof *known || left < known[at].words) refuse(option);
  const char *first = known[at].words >= 1 ? words[0] : NULL;
  const char *second = known[at].words >= 2 ? words[1] : NULL;
  const char *name = option + 2;
  if (strcmp(name, "parent") == 0) policy->parent = (pid_t)number(first);
  else if (strcmp(name, "network") == 0) policy->network = choice(first, "none", "full");
  else if (strcmp(name, "forward") == 0) add_forward(policy, first, second);
  else if (strcmp(name, "run-as") == 0) set_user(policy, words);
  else if (strcmp(name, "read-only") == 0) add(policy, READ_ONLY, absolute(first), absolute(second));
  else if (strcmp(name, "link") == 0) add(policy, LINK, first, absolute(second));
  else if (strcmp(name, "scratch") == 0) add_scratch(policy, first, second);
  else if (strcmp(name, "share") == 0) add_share(policy, first, second);
  else if (strcmp(name, "shield") == 0) add(policy, SHIELD, NULL, first);
  else if (strcmp(name, "shield-folder") == 0) add(policy, SHIELD_FOLDER, NULL, first);
  else if (strcmp(name, "pin") == 0) add(policy, PIN, NULL, first);
  else if (strcmp(name, "hide") == 0) add(policy, HIDE, NULL, absolute(first));
  else if (strcmp(name, "limit") == 0) add_limit(policy, first, second);
  else if (strcmp(name, "memory") == 0) policy->memory = number(first);
  else if (strcmp(name, "disk") == 0) policy->disk = number(first);
  else if (strcmp(name, "group") == 0) policy->group = absolute(first);
  else if (strcmp(name, "terminal") == 0) policy->terminal = true;
  else if (strcmp(name, "locked") == 0) policy->lock = place_of_lock(first);
  else if (strcmp(name, "folder") == 0) policy->folder = absolute(first);
  else if (strcmp(name, "overlay") == 0) policy->overlay = absolute(first);
  else {
    policy->workspace = absolute(first);
    policy->workspace_writable = choice(second, "ro", "rw");
    if (policy->workspace[1] == '\0') refuse(first);
  }
  return known[at].words;
}

void read_policy(struct policy *policy, char **words) {
  int count = 0;
  while (words[count] != NULL) count++;
  int at = 0;
  while (at < count && strcmp(words[at], "--") != 0) {
    const char *option = words[at++];
    at += take(policy, option, words + at, count - at);
  }
  if (at + 1 >= count) refuse("--");
  if (policy->parent == 0) refuse("--parent");
  if (getuid() == 0 && !policy->other_user) refuse("--run-as");
  /* Listeners are those of a network of the command's own. */
  if (policy->forward_count > 0 && (policy->network || policy->lock != LOCK_WITHIN_WALLS)) refuse("--forward");
  if (policy->overlay != NULL && (policy->workspace == NULL || !policy->workspace_writable)) refuse("--overlay");
  policy->command = words + at + 1;
}
