/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's end of vhost-user: puts a virtio device behind a connection, one after another. The
 * messages come in whole and checked for form (vhost_user.h); what they ask for in the wrong order,
 * or of what is not there, is refused here. No system call is made here: mapping, closing, sending
 * are operations of the caller's.
 *
 * Everything the other end says is hostile, the file descriptors' contents too. A session belongs
 * to the device's context.
 */
#ifndef VDEV_VHOST_USER_DEVICE_H
#define VDEV_VHOST_USER_DEVICE_H

#include <vdev/memory.h>
#include <vdev/vhost_user.h>
#include <vdev/virtio.h>

#define VDEV_VHOST_USER_QUEUES    64u
#define VDEV_VHOST_USER_MEM_SLOTS 32u

struct vdev_vhost_user_device;

/* A descriptor that comes with a message is the session's until it calls `close`. */
struct vdev_vhost_user_device_operations {
    /* Send a message to the other end; its descriptors stay the caller's. 0, or not 0: it is gone.
     */
    int (*send)(void *context, const struct vdev_vhost_user_message *message);
    /* The same on the channel that the other end has given for the device's own questions. */
    int (*send_own)(void *context, int channel, const struct vdev_vhost_user_message *message);
    /* Map so many bytes of a file, to be read and written, from `offset` on, which need not be of a
     * page; NULL: cannot, or the file is shorter. */
    void *(*map)(void *context, int descriptor, uint64_t offset, uint64_t length);
    void (*unmap)(void *context, void *pointer, uint64_t length);
    /* Make a file of so many zero bytes that can be mapped and sent; negative: cannot. */
    int (*create)(void *context, uint64_t length);
    void (*close)(void *context, int descriptor);
    /* From now on call vdev_vhost_user_device_kicked when this is readable (having read it); until
     * the same queue is watched anew, with -1: not any more. */
    void (*watch)(void *context, uint16_t queue, int descriptor);
    /* Add 1 to an eventfd. */
    void (*interrupt)(void *context, int descriptor);
    /* Returns when the classes below have nothing in flight, and have called all completions: the
     * queues still take what comes back, and hand out nothing new. Calls no function of this
     * session but vdev_vhost_user_device_kicked. NULL: they never have, when none of their
     * functions is at work. */
    void (*drain)(void *context);
    /* A message was refused: its name, and why, in words. */
    void (*refused)(void *context, const char *name, const char *why);
};

/* One queue of the session; the fields are the session's. */
struct vdev_vhost_user_queue {
    struct vdev_virtqueue_configuration configuration; /* addresses: the driver's own view */
    uint16_t base;                                     /* where it goes on; of a stopped queue */
    int kick;                                          /* descriptors, or -1 */
    int call;
    int error;
    bool addressed; /* SET_VRING_ADDR has come */
    bool started;   /* between SET_VRING_KICK and GET_VRING_BASE */
    bool enabled;
    bool pending; /* an interrupt that found no descriptor to go to */
};

struct vdev_vhost_user_slot {
    struct vdev_vhost_user_region region;
    void *mapped;
};

struct vdev_vhost_user_device_configuration {
    struct vdev_virtio_device *device;
    /* The map that the device was initialized with, whose contents are the session's: no regions
     * until a driver shares some. */
    struct vdev_memory *memory;
    const struct vdev_vhost_user_device_operations *operations;
    void *context;
    /* Protocol features not to offer, by bit; 0: all that there are. */
    uint64_t without;
};

/* The fields are the session's. */
struct vdev_vhost_user_device {
    struct vdev_virtio_device *device;
    struct vdev_memory *memory;
    const struct vdev_vhost_user_device_operations *operations;
    void *context;
    uint64_t protocol_offered;
    uint64_t protocol_accepted;
    bool features_set;
    uint64_t features;
    struct vdev_vhost_user_queue queues[VDEV_VHOST_USER_QUEUES];
    struct vdev_vhost_user_slot slots[VDEV_VHOST_USER_MEM_SLOTS];
    size_t slot_count;
    struct vdev_memory_region regions[VDEV_VHOST_USER_MEM_SLOTS]; /* sorted, for the map */
    int channel; /* for the device's own questions, or -1 */
    void *inflight; /* mapped; NULL: what is in flight is noted nowhere */
    uint64_t inflight_length;
    uint16_t inflight_queues;
    uint16_t inflight_queue_size;
    uint64_t kicks[VDEV_VHOST_USER_QUEUES];      /* for reports */
    uint64_t interrupts[VDEV_VHOST_USER_QUEUES]; /* for reports */
};

/*
 * Put a device behind a session that has no other end yet. Of the operations, only `drain` may be
 * missing. VDEV_ERROR_INVALID: another is, or another pointer; more queues than
 * VDEV_VHOST_USER_QUEUES; another map than the device's.
 */
int vdev_vhost_user_device_init(struct vdev_vhost_user_device *session,
                                const struct vdev_vhost_user_device_configuration *configuration);

/*
 * A message has come, with its descriptors, which are the session's from here on whatever happens.
 * VDEV_OK, also if it was refused and the other end was told so by REPLY_ACK; else the connection
 * is of no use any more, `refused` has been called, and vdev_vhost_user_device_disconnect is next.
 */
int vdev_vhost_user_device_receive(struct vdev_vhost_user_device *session,
                                   const struct vdev_vhost_user_message *message);

/* What `watch` was told of is readable. */
void vdev_vhost_user_device_kicked(struct vdev_vhost_user_device *session, uint16_t queue);

/*
 * The other end is gone, or is to be: stop and drain, unmap everything, close all descriptors. The
 * session is then as after init, and the device reset, for the next one. May be called twice.
 */
void vdev_vhost_user_device_disconnect(struct vdev_vhost_user_device *session);

#endif
