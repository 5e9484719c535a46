/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vhost-user device on a UNIX socket: listens, accepts one connection after another, reads whole
 * messages with their descriptors, maps the memory. The other side of struct
 * vdev_vhost_user_device.
 */
#ifndef VDEV_HOST_VHOST_USER_H
#define VDEV_HOST_VHOST_USER_H

#include <vdev/host/loop.h>
#include <vdev/vhost_user_device.h>

enum vdev_host_log_level { VDEV_HOST_LOG_ERROR, VDEV_HOST_LOG_INFO, VDEV_HOST_LOG_DEBUG };

struct vdev_host_vhost_user;

struct vdev_host_vhost_user_configuration {
    struct vdev_host_loop *loop;
    struct vdev_virtio_device *device;
    struct vdev_memory *memory;   /* the device's */
    const char *path;             /* of the socket; NULL: `listening` is one already, */
    int listening;                /* ... which is the server's from init on */
    void (*drain)(void *context); /* see vhost_user_device.h; may be NULL */
    void (*log)(void *context, enum vdev_host_log_level level, const char *line);
    void *context;
};

struct vdev_host_vhost_user_kick {
    struct vdev_host_watch watch;
    struct vdev_host_vhost_user *owner;
    uint16_t queue;
};

/* The fields are the implementation's. */
struct vdev_host_vhost_user {
    struct vdev_host_vhost_user_configuration configuration;
    struct vdev_vhost_user_device session;
    struct vdev_host_watch listener;
    struct vdev_host_watch connection; /* descriptor -1: none */
    struct vdev_host_vhost_user_kick kicks[VDEV_VHOST_USER_QUEUES];
    struct vdev_vhost_user_message message; /* as far as it has come */
    uint8_t header[VDEV_VHOST_USER_HEADER_BYTES];
    size_t received; /* bytes of header and payload */
    /* Interrupts of this turn of the loop, each once; sent at its end. */
    struct vdev_host_deferred deferred;
    int calls[VDEV_VHOST_USER_QUEUES];
    size_t call_count;
    bool is_deferred;
    bool broken;                        /* the connection is to be dropped */
    int spare;                          /* a descriptor to give up when there is no other, or -1 */
    volatile int lost;                  /* 1: a page of the peer's memory disappeared */
    char name[108];                     /* the socket's, for log lines */
    uint64_t bound_device, bound_inode; /* the socket's file, if it was made here; else 0, 0 */
};

/*
 * Listen. The path is removed first if nobody listens at it any more, and again at the end. 0, or
 * -1 and *error: the path is taken, too long, cannot be bound.
 */
int vdev_host_vhost_user_init(struct vdev_host_vhost_user *server,
                              const struct vdev_host_vhost_user_configuration *configuration,
                              struct vdev_host_error *error);

/*
 * Drop the connection, stop listening, remove the path. The structure has to stay until the loop
 * has run what was deferred, or runs no more.
 */
void vdev_host_vhost_user_stop(struct vdev_host_vhost_user *server);

/*
 * A process that maps files of others must outlive their shrinking: makes SIGBUS at a mapped page
 * put a page of zeros there, and the next message or kick end that connection; and SIGPIPE be
 * ignored. Once in a process, before the first connection. 0, or a negative errno.
 */
int vdev_host_survive_shrinking(void);

#endif
