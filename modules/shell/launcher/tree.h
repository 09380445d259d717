/* Mounts by descriptor: no path is looked up twice, so nobody can put a link in its way in between. */
#ifndef LAUNCHER_TREE_H
#define LAUNCHER_TREE_H

/* A detached copy of what lies at the path, with its submounts and these attributes; -1 with errno. */
int tree_at(int folder, const char *path, unsigned attributes, int userns_fd);

/* The same of an open descriptor. */
int tree_of(int fd, unsigned attributes, int userns_fd);

/* Opens a path for its place alone, through no symbolic link; `below`: not leaving the folder. -1 with errno. */
int place_at(int folder, const char *path, int below);

/* Puts the tree onto an opened place, and closes it. Ends with the report "mount". */
void attach(int tree, int place, const char *subject);

#endif
