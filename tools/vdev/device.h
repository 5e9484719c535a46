/* SPDX-License-Identifier: BSD-2-Clause */
/* One device that the tool serves: a back-end, what is below it, and the socket in front of it. */
#ifndef VDEV_TOOL_DEVICE_H
#define VDEV_TOOL_DEVICE_H

#include <stdio.h>

#include <vdev/host/vhost_user.h>

#include "loop.h"
#include "options.h"

struct device {
    const struct device_options *options;
    struct loop *loop;
    struct vdev_memory memory; /* the guest's, as far as it shares */
    struct vdev_host_vhost_user server;
    bool serves; /* the server is there */
    /* Set by open: */
    struct vdev_virtio_device *virtio;
    void *own; /* the kind's */
    const struct device_operations *operations;
};

struct device_operations {
    /* Make what stands behind the socket; a folder in which something is to be removed at the end
     * goes to *remove, if there is one. 0, or -1 and *error. */
    int (*open)(struct device *device, const char **remove, struct vdev_host_error *error);
    /* Wait until nothing of the guest's memory is in use; may be NULL. */
    void (*drain)(struct device *device);
    /* The size of the process's own terminal has changed; may be NULL. */
    void (*resized)(struct device *device);
    /* Counters, a line each: name, space, value. */
    void (*report)(struct device *device, FILE *out);
    /* The data that has gone through one of its queues. */
    uint64_t (*queue_bytes)(const struct device *device, unsigned queue);
    void (*close)(struct device *device); /* after the server has stopped */
};

extern const struct device_operations device_block, device_console, device_net;

#endif
