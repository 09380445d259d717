/* One way out each: 0 when it worked, else -1 with errno. The words after the name are its own. */
#ifndef ATTEMPT_H
#define ATTEMPT_H

struct attempt {
  const char *name;
  int (*run)(char **words);
};

extern const struct attempt call_attempts[];
extern const struct attempt mode_attempts[];
extern const struct attempt reach_attempts[];
extern const struct attempt limit_attempts[];

#endif
