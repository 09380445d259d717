#define _GNU_SOURCE
#include "forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "report.h"

/* Of one command at once; further ones wait in the listener's queue. */
enum { CONNECTIONS_MAX = 128, QUEUE_MAX = 128, BUFFER_BYTES = 16384 };

/* One direction of a connection. */
struct flow {
  int from, to;
  size_t begin, end; /* what the buffer holds */
  bool read_all;     /* nothing more comes */
  bool told;         /* and the other side knows */
  char buffer[BUFFER_BYTES];
};

struct connection {
  bool open;
  int inside, outside;
  struct flow out, in;
};

static struct connection connections[CONNECTIONS_MAX];

static struct sockaddr_in loopback(unsigned short port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int made_listener(unsigned short port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = loopback(port);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, QUEUE_MAX) != 0)
    fail("network", "listen");
  return fd;
}

/* A message with room for that many descriptors; `control` is the room. */
struct parcel {
  char byte;
  struct iovec data;
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(FORWARDS_MAX * sizeof(int))];
  } control;
  struct msghdr message;
};

static void prepare(struct parcel *parcel, int count) {
  memset(parcel, 0, sizeof *parcel);
  parcel->data = (struct iovec){&parcel->byte, 1};
  parcel->message = (struct msghdr){.msg_iov = &parcel->data,
                                    .msg_iovlen = 1,
                                    .msg_control = parcel->control.bytes,
                                    .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
}

void give_listeners(const struct policy *policy, int channel) {
  int count = policy->forward_count;
  if (count == 0) return;
  int listeners[FORWARDS_MAX];
  for (int at = 0; at < count; at++) listeners[at] = made_listener(policy->forwards[at].port);
  struct parcel parcel;
  prepare(&parcel, count);
  size_t bytes = (size_t)count * sizeof(int);
  struct cmsghdr *header = CMSG_FIRSTHDR(&parcel.message);
  *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(bytes), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(header), listeners, bytes);
  if (sendmsg(channel, &parcel.message, 0) != 1) fail("network", "sendmsg");
  for (int at = 0; at < count; at++) close(listeners[at]);
}

/* False when the process inside has ended before it had any. */
static bool take_listeners(int channel, int *listeners, int count) {
  struct parcel parcel;
  prepare(&parcel, count);
  ssize_t got;
  while ((got = recvmsg(channel, &parcel.message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  struct cmsghdr *header = got == 1 ? CMSG_FIRSTHDR(&parcel.message) : NULL;
  size_t bytes = (size_t)count * sizeof(int);
  if (header == NULL || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(bytes)) return false;
  memcpy(listeners, CMSG_DATA(header), bytes);
  return true;
}

/* -1 when nobody is there. That it is not connected yet is no failure: poll tells when it is. */
static int connected(const struct forward *forward) {
  int family = forward->socket == NULL ? AF_INET : AF_UNIX;
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  struct sockaddr_in port = loopback(forward->target_port);
  struct sockaddr_un path = {.sun_family = AF_UNIX};
  if (forward->socket != NULL) strncpy(path.sun_path, forward->socket, sizeof path.sun_path - 1);
  int done = forward->socket == NULL ? connect(fd, (struct sockaddr *)&port, sizeof port)
                                     : connect(fd, (struct sockaddr *)&path, sizeof path);
  if (done == 0 || errno == EINPROGRESS) return fd;
  close(fd);
  return -1;
}

static struct connection *free_connection(void) {
  for (int at = 0; at < CONNECTIONS_MAX; at++)
    if (!connections[at].open) return &connections[at];
  return NULL;
}

static void begin(struct flow *flow, int from, int to) {
  flow->from = from;
  flow->to = to;
  flow->begin = flow->end = 0;
  flow->read_all = flow->told = false;
}

static void take_connection(int listener, const struct forward *forward) {
  struct connection *one = free_connection();
  if (one == NULL) return;
  int inside = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (inside < 0) return;
  int outside = connected(forward);
  if (outside < 0) {
    close(inside);
    return;
  }
  one->open = true;
  one->inside = inside;
  one->outside = outside;
  begin(&one->out, inside, outside);
  begin(&one->in, outside, inside);
}

static void end_connection(struct connection *one) {
  close(one->inside);
  close(one->outside);
  one->open = false;
}

static bool would_wait(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/* False when the connection is broken. */
static bool fill(struct flow *flow) {
  if (flow->read_all || flow->begin != flow->end) return true;
  ssize_t got = read(flow->from, flow->buffer, BUFFER_BYTES);
  if (got < 0) return would_wait();
  flow->begin = 0;
  flow->end = (size_t)got;
  flow->read_all = got == 0;
  return true;
}

static bool drain(struct flow *flow) {
  while (flow->begin != flow->end) {
    ssize_t put = write(flow->to, flow->buffer + flow->begin, flow->end - flow->begin);
    if (put < 0) return would_wait() || errno == ENOTCONN;
    flow->begin += (size_t)put;
  }
  if (flow->read_all && !flow->told) {
    flow->told = true;
    shutdown(flow->to, SHUT_WR);
  }
  return true;
}

static bool move(struct flow *flow, short from_events, short to_events) {
  if ((from_events & (POLLIN | POLLHUP)) != 0 && !fill(flow)) return false;
  if ((to_events & POLLOUT) != 0 || flow->begin != flow->end || flow->read_all) return drain(flow);
  return true;
}

static void carry(struct connection *one, short inside, short outside) {
  bool broken = ((inside | outside) & (POLLERR | POLLNVAL)) != 0;
  if (broken || !move(&one->out, inside, outside) || !move(&one->in, outside, inside)) return end_connection(one);
  if (one->out.told && one->in.told) end_connection(one);
}

/* What there is to wait for on one side: bytes when the buffer is empty, room when it is not. */
static short wanted(const struct flow *from_it, const struct flow *to_it) {
  short events = 0;
  if (!from_it->read_all && from_it->begin == from_it->end) events |= POLLIN;
  if (to_it->begin != to_it->end) events |= POLLOUT;
  return events;
}

/* A side of which nothing is wanted is left out: its hang-up would wake us again and again. */
static struct pollfd waiting(int fd, short events) { return (struct pollfd){events == 0 ? -1 : fd, events, 0}; }

void carry_connections(const struct policy *policy, int channel, int end) {
  int listeners[FORWARDS_MAX];
  int count = policy->forward_count;
  if (count == 0 || !take_listeners(channel, listeners, count)) return;
  close(channel);
  static struct pollfd all[1 + FORWARDS_MAX + 2 * CONNECTIONS_MAX];
  struct pollfd *sides = all + 1 + count;
  for (;;) {
    short more = free_connection() == NULL ? 0 : POLLIN;
    all[0] = (struct pollfd){end, POLLIN, 0};
    for (int at = 0; at < count; at++) all[1 + at] = waiting(listeners[at], more);
    for (int at = 0; at < CONNECTIONS_MAX; at++) {
      const struct connection *one = &connections[at];
      sides[2 * at] = waiting(one->inside, one->open ? wanted(&one->out, &one->in) : 0);
      sides[2 * at + 1] = waiting(one->outside, one->open ? wanted(&one->in, &one->out) : 0);
    }
    if (poll(all, (nfds_t)(1 + count + 2 * CONNECTIONS_MAX), -1) < 0 && errno != EINTR) return;
    if (all[0].revents != 0) return;
    for (int at = 0; at < CONNECTIONS_MAX; at++)
      if (connections[at].open) carry(&connections[at], sides[2 * at].revents, sides[2 * at + 1].revents);
    for (int at = 0; at < count; at++)
      if ((all[1 + at].revents & POLLIN) != 0) take_connection(listeners[at], &policy->forwards[at]);
  }
}
