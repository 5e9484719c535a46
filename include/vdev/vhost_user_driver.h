/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's end of vhost-user: under a front-end, it drives a virtio device that another process
 * has, over a connection. No system call is made here: sending, waiting for an answer, eventfds are
 * operations of the caller's. [QEMU, docs/interop/vhost-user.rst]
 *
 * What the other end answers is hostile. An answer that is none, or that does not come in time,
 * ends the connection: the device then reads as one that needs a reset, until there is another
 * connection. A connection that ends while the device runs is not noticed here, as nothing is said
 * then: whoever sees it end makes another one (vdev_vhost_user_driver_reconnect), and the front-end
 * above finds its rings as they are; or gives up (vdev_vhost_user_driver_give_up).
 *
 * Not here: configuration changes that the device tells of itself (BACKEND_REQ), logging of writes,
 * IOMMU, migration.
 */
#ifndef VDEV_VHOST_USER_DRIVER_H
#define VDEV_VHOST_USER_DRIVER_H

#include <vdev/vhost_user.h>
#include <vdev/virtio_driver.h>

#define VDEV_VHOST_USER_DRIVER_QUEUES 64u

struct vdev_vhost_user_driver_operations {
    /* Send a whole message; its descriptors stay the caller's. 0, or not 0: the other end is gone.
     */
    int (*send)(void *context, const struct vdev_vhost_user_message *message);
    /*
     * Wait for a whole message, so many nanoseconds at most. Descriptors that came with it are the
     * driver end's, until it calls `close`. VDEV_OK; VDEV_ERROR_TIMEOUT; VDEV_ERROR_IO: the other
     * end is gone, or what came is no message.
     */
    int (*receive)(void *context, struct vdev_vhost_user_message *message, uint64_t nanoseconds);
    void (*close)(void *context, int descriptor);
    /* Add 1 to an eventfd. Never waits. */
    void (*kick)(void *context, int descriptor);
    /*
     * Has one of the eventfds in `calls` been signalled since this was last called? On the way of
     * each of a front-end's polls: better a flag that the caller's loop sets than a system call.
     */
    bool (*take_calls)(void *context);
};

/* Memory that is shared with the device. */
struct vdev_vhost_user_driver_region {
    uint64_t guest_address; /* first byte, as rings and their descriptors name it: a bus address */
    uint64_t length;        /* bytes */
    void *pointer;          /* as this program sees it, and tells the device as user address */
    int descriptor;         /* of the file, which stays the caller's, ... */
    uint64_t offset;        /* ... and where in it the region begins */
};

struct vdev_vhost_user_driver_configuration {
    const struct vdev_vhost_user_driver_operations *operations;
    void *context;
    uint32_t id; /* VDEV_VIRTIO_ID_...: the protocol does not say what is there */
    /* Stay in place, and the caller's, until vdev_vhost_user_driver_finish. */
    const struct vdev_vhost_user_driver_region *regions;
    size_t region_count; /* without CONFIGURE_MEM_SLOTS at most VDEV_VHOST_USER_REGIONS */
    const int *kicks;    /* an eventfd for each queue, ... */
    const int *calls;    /* ... and another */
    uint16_t queue_count;
    uint16_t queue_size_maximum;  /* a power of two: the protocol does not say it either */
    uint64_t timeout_nanoseconds; /* for each answer; 0: VDEV_VIRTIO_RESET_NANOSECONDS */
    uint64_t without;             /* protocol features not to take, by bit */
};

/* The fields are the implementation's, except where they say otherwise. */
struct vdev_vhost_user_driver_queue {
    struct vdev_virtqueue_configuration configuration;
    const void *used_index; /* 16 bits that the device writes */
    bool started;
};

struct vdev_vhost_user_driver {
    struct vdev_virtio_driver driver; /* what a front-end takes */
    struct vdev_vhost_user_driver_configuration configuration;
    struct vdev_vhost_user_driver_queue queues[VDEV_VHOST_USER_DRIVER_QUEUES];
    struct vdev_vhost_user_message message; /* question, then answer */
    uint64_t offered;                       /* features, the protocol's bit 30 among them */
    uint64_t protocol;                      /* features taken; may be read */
    uint64_t features;                      /* that the front-end accepted */
    uint8_t status;
    bool has_features; /* SET_FEATURES was sent, and not refused */
    bool refused;      /* it was refused */
    bool has_memory;   /* the device has the memory */
    bool touched;      /* something was set up since the last reset */
    bool lost;         /* the connection is of no use any more */
    bool given_up;     /* and the front-end is to hear of it */
    bool look;         /* the front-end is to look at its rings, whoever called */
    /* What the device tracks requests in flight with; descriptor -1: it does not. */
    int inflight_descriptor;
    uint64_t inflight_length;
    uint64_t inflight_offset;
    uint16_t inflight_queues;
    uint16_t inflight_queue_size;
    /* The configuration space as last read, to see that it changed. */
    uint8_t space[VDEV_VHOST_USER_CONFIG_MAXIMUM];
    uint32_t space_length;
    uint32_t generation;
    /* Why the connection was lost, or the device refused something, for a log: what was asked, and
     * words; NULL: it was not. May be read. */
    uint32_t failed_request;
    vdev_vhost_user_reason failed_reason;
    uint32_t reconnections; /* modulo 2^32; may be read */
};

/*
 * Take hold of a device, on a new connection: asks for its features, and says which of the
 * protocol's are taken. VDEV_ERROR_INVALID: a missing pointer, no queues or too many, a size that
 * is no power of two, regions that are empty or wrap, or none; VDEV_ERROR_UNSUPPORTED: it has fewer
 * queues, or takes fewer regions of memory; VDEV_ERROR_TIMEOUT, VDEV_ERROR_IO, VDEV_ERROR_CORRUPT:
 * no answer, the connection has ended, or the answer is none.
 */
int vdev_vhost_user_driver_init(struct vdev_vhost_user_driver *driver,
                                const struct vdev_vhost_user_driver_configuration *configuration);

/*
 * There is a new connection, behind the same operations: tell the device there all that the last
 * one was told. Its queues go on where their used rings end; if both ends have INFLIGHT_SHMFD, it
 * first takes up what was in flight. Without, that is right only of a device that completes in
 * order. The front-end's next poll looks at its rings. From outside of the front-end only.
 *
 * Errors as of init; VDEV_ERROR_UNSUPPORTED also: a device that lacks features in use. This may
 * then be tried again with another connection; the front-end hears of nothing until somebody gives
 * up.
 */
int vdev_vhost_user_driver_reconnect(struct vdev_vhost_user_driver *driver);

/* There will be no other connection, not soon: the front-end's next poll finds a device that needs
 * a reset and does not do one. */
void vdev_vhost_user_driver_give_up(struct vdev_vhost_user_driver *driver);

/* Forget the device: closes what it gave. After the front-end has stopped. */
void vdev_vhost_user_driver_finish(struct vdev_vhost_user_driver *driver);

static inline bool vdev_vhost_user_driver_has(const struct vdev_vhost_user_driver *driver,
                                              enum vdev_vhost_user_protocol_feature feature)
{
    return (driver->protocol >> feature & 1) != 0;
}

#endif
