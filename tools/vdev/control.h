/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of a running process, for `vdev stat`: whoever connects is sent lines of name and value,
 * devices apart by an empty line, and the connection is closed. Nothing is read from it.
 */
#ifndef VDEV_TOOL_CONTROL_H
#define VDEV_TOOL_CONTROL_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "loop.h"

struct control {
    struct vdev_host_watch listener;
    struct loop *loop;
    void (*report)(void *context, FILE *out);
    void *context;
    uid_t user;     /* who may ask an address without a file: this one and root */
    char path[116]; /* to be removed at the end; "": none */
};

/* At SOCKET.ctl; with `socket` NULL at the process's own address. 0, or -1 and *error. */
int control_open(struct control *control, struct loop *loop, const char *socket,
                 void (*report)(void *context, FILE *out), void *context,
                 struct vdev_host_error *error);
void control_close(struct control *control);

/* `vdev stat`; what to exit with. */
int control_stat(int count, char **arguments);

#endif
