/* Others on the machine: their sockets, memory, processes and descriptors. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "attempt.h"

static int port(char **words) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[0]))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof to);
}

static int to_unix(const char *name, int abstract) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  strncpy(to.sun_path + abstract, name, sizeof to.sun_path - 2);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)abstract + strlen(name));
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&to, length);
}
static int abstract_socket(char **words) { return to_unix(words[0], 1); }
static int named_socket(char **words) { return to_unix(words[0], 0); }

static int shared_memory(char **words) { return shmat(atoi(words[0]), NULL, SHM_RDONLY) == (void *)-1 ? -1 : 0; }
static int signal_process(char **words) { return kill(atoi(words[0]), 0); }

/* Anything beyond the three streams that the node left open. */
static int inherited(char **words) {
  (void)words;
  for (int fd = 3; fd < 4096; fd++)
    if (fcntl(fd, F_GETFD) >= 0) return 0;
  errno = EBADF;
  return -1;
}

const struct attempt reach_attempts[] = {
    {"port", port}, {"abstract socket", abstract_socket}, {"named socket", named_socket},
    {"shared memory", shared_memory}, {"signal", signal_process}, {"inherited", inherited},
    {0, 0},
};
