/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vhost-user device on a UNIX socket, as our own front-ends use one: connects, makes the shared
 * memory and the eventfds, waits for answers with a deadline. The other side of struct
 * vdev_vhost_user_driver. Any device's, not only ours. From one thread at a time.
 */
#ifndef VDEV_HOST_VHOST_USER_CLIENT_H
#define VDEV_HOST_VHOST_USER_CLIENT_H

#include <vdev/buffer.h>
#include <vdev/clock.h>
#include <vdev/host/loop.h>
#include <vdev/vhost_user_driver.h>

struct vdev_host_vhost_user_client_configuration {
    const char *path; /* of the socket; stays the caller's */
    uint32_t id;      /* VDEV_VIRTIO_ID_... */
    uint64_t memory;  /* bytes to share, rounded up to pages */
    uint16_t queue_count;
    uint16_t queue_size_maximum;
    uint64_t timeout_nanoseconds; /* as of struct vdev_vhost_user_driver_configuration */
    uint64_t without;
};

/* The fields are the implementation's, but for `driver`, which front-ends take. */
struct vdev_host_vhost_user_client {
    struct vdev_vhost_user_driver driver;
    struct vdev_host_vhost_user_client_configuration configuration;
    struct vdev_vhost_user_driver_region region;
    int connection; /* or -1 */
    int kicks[VDEV_VHOST_USER_DRIVER_QUEUES];
    int calls[VDEV_VHOST_USER_DRIVER_QUEUES];
    bool called;
};

/* What vdev_host_vhost_user_client_wait saw. */
enum vdev_host_vhost_user_event {
    VDEV_HOST_VHOST_USER_NOTHING, /* the time is over, or a signal came */
    VDEV_HOST_VHOST_USER_CALLED,  /* the device has called: poll the front-end */
    VDEV_HOST_VHOST_USER_ENDED,   /* the connection has ended: reconnect, or give up */
};

/*
 * Connect, and take hold of the device. 0, or -1 and *error (nothing is then open): nobody listens
 * there, no memory, or as of vdev_vhost_user_driver_init.
 */
int vdev_host_vhost_user_client_open(
    struct vdev_host_vhost_user_client *client,
    const struct vdev_host_vhost_user_client_configuration *configuration,
    struct vdev_host_error *error);

/* The shared memory, zeroed: pointer, length, and the device's view of it as bus address. */
struct vdev_buffer
vdev_host_vhost_user_client_memory(const struct vdev_host_vhost_user_client *client);

/* Wait so long at most; UINT64_MAX: without end; 0: only look. */
enum vdev_host_vhost_user_event
vdev_host_vhost_user_client_wait(struct vdev_host_vhost_user_client *client, uint64_t nanoseconds);

/*
 * Connect again, and go on, as vdev_vhost_user_driver_reconnect does. 0, or -1 and *error: may be
 * tried again.
 */
int vdev_host_vhost_user_client_reconnect(struct vdev_host_vhost_user_client *client,
                                          struct vdev_host_error *error);

/* Disconnect and close all; the memory is no more. After the front-end has stopped. */
void vdev_host_vhost_user_client_close(struct vdev_host_vhost_user_client *client);

/* The host's monotonic clock, for front-ends. */
struct vdev_clock vdev_host_monotonic_clock(void);

#endif
