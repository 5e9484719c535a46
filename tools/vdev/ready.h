/* SPDX-License-Identifier: BSD-2-Clause */
/* What starts a process and wants to know when it serves: sockets handed down, and word given. */
#ifndef VDEV_TOOL_READY_H
#define VDEV_TOOL_READY_H

#include <vdev/host/loop.h>

struct ready {
    int notify;     /* connected to NOTIFY_SOCKET, or -1 */
    int descriptor; /* of --ready-fd, or -1 */
};

/* Before the sandbox: afterwards no socket can be made. 0, or -1 and *error. */
int ready_open(struct ready *ready, long descriptor, struct vdev_host_error *error);

/* All devices listen. */
void ready_say(struct ready *ready);

/* The end has begun. */
void ready_say_stopping(struct ready *ready);

/* How many sockets LISTEN_FDS has handed to this process; they begin at descriptor 3. */
int ready_inherited(void);

#define READY_FIRST_INHERITED 3

#endif
