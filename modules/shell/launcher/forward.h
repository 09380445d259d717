/*
 * The few connections that a command may make although it has no network. Listeners of its own loopback are made inside
 * and handed to the launcher outside, which carries the bytes of what connects to them. Nothing of that is within reach of
 * the command: it has neither the sockets nor the process, and the targets are the policy's.
 */
#ifndef LAUNCHER_FORWARD_H
#define LAUNCHER_FORWARD_H

#include "policy.h"

/* Inside, when the loopback is up: one listener for each forward of the policy, sent through the channel. */
void give_listeners(const struct policy *policy, int channel);

/* Outside: carries bytes until `end` has something to read or was closed. Returns at once when there are no forwards. */
void carry_connections(const struct policy *policy, int channel, int end);

#endif
