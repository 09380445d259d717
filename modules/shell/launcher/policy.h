/*
 * What one run may do, as the node gives it: options, each a word of its own followed by a fixed number of words, then
 * "--" and the command. No word is ever split, so no path can be read as anything else.
 *
 *   --parent PID                who started this; when that is not our parent, it is gone, and so are we
 *   --network none|full
 *   --forward PORT TARGET       without a network: what the command connects to at this port of its own loopback goes to
 *                               a Unix socket outside (an absolute path) or a port of the machine's loopback (a number)
 *   --run-as INSIDE USER GROUP  the id that the command sees of itself, and the user and group that it is outside; from
 *                               root, who must say so
 *   --read-only PATH TARGET     a part of the system, left out where it does not exist
 *   --link TEXT TARGET          a symbolic link
 *   --scratch TARGET BYTES      an empty folder in memory
 *   --workspace PATH ro|rw      at the same path inside
 *   --share PATH ro|rw          more of the machine, at the same path inside, shown as the workspace is
 *   --overlay FOLDER            the workspace stays as it is: what is written goes to upper/ in this folder, beside work/
 *   --shield NAME               in the workspace, read-only with what is below; left out where it does not exist
 *   --shield-folder NAME        the same, made where only it itself is missing
 *   --pin NAME                  in the workspace: a folder as it is, but not to be renamed or replaced; anything else
 *                               as --shield
 *   --hide PATH                 inside: an empty thing in its place; left out where it does not exist
 *   --limit NAME VALUE          as setrlimit(2): cpu, fsize, data, nproc, nofile
 *   --memory BYTES              of all processes together; looked at a few times a second (watch.h)
 *   --disk BYTES                by which the disks that the command can write may lose free room while it runs
 *   --group PATH                a control group (v2) to join
 *   --locked PLACE              no walls of our own. inside: within those of bubblewrap; alone: none at all (locked.h);
 *                               outside: the command is bubblewrap, which gets the group and lets the terminal go
 *   --folder PATH               inside: where the command starts
 *   --terminal                  stdin is a terminal, and becomes that of the command's own session
 */
#ifndef LAUNCHER_POLICY_H
#define LAUNCHER_POLICY_H

#include <stdbool.h>
#include <sys/types.h>

enum { ENTRIES_MAX = 256, LIMITS_MAX = 16, FORWARDS_MAX = 40 };
/* Of a Unix socket: the room of its address, less the end mark. */
enum { SOCKET_PATH_MAX = 107 };

enum entry_kind { READ_ONLY, LINK, SCRATCH, SHARE, SHIELD, SHIELD_FOLDER, PIN, HIDE };

struct entry {
  enum entry_kind kind;
  const char *source; /* READ_ONLY: outside; LINK: its text */
  const char *target; /* inside; SHIELD, SHIELD_FOLDER, PIN: below the workspace */
  long bytes;         /* SCRATCH */
  bool writable;      /* SHARE */
};

struct limit {
  int resource;
  unsigned long value;
};

struct forward {
  unsigned short port;        /* of the loopback inside */
  const char *socket;         /* outside; NULL: a port */
  unsigned short target_port; /* of the loopback outside */
};

enum lock { LOCK_WITHIN_WALLS, LOCK_OUTSIDE, LOCK_INSIDE, LOCK_ALONE };

struct policy {
  enum lock lock;
  pid_t parent;
  bool network;
  bool terminal;
  bool other_user;
  uid_t inside, outside;
  gid_t outside_group;
  const char *workspace; /* NULL: none */
  bool workspace_writable;
  const char *overlay; /* NULL: none */
  const char *group;
  unsigned long memory, disk; /* 0: no limit */
  const char *folder;
  struct entry entries[ENTRIES_MAX];
  int entry_count;
  struct limit limits[LIMITS_MAX];
  int limit_count;
  struct forward forwards[FORWARDS_MAX];
  int forward_count;
  char **command;
};

/* Ends with the report "policy" on anything that is not exactly as above. */
void read_policy(struct policy *policy, char **words);

#endif
