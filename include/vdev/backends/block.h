/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio block device [VIRTIO 1.4 §5.2]: a back-end over any device of the block class.
 *
 * Reads, writes, flushes and GET_ID, and discard and write zeroes where the class below can; one
 * queue or several, which share the slots. The guest's own pages are handed down: no data is
 * copied. A request that the class below takes in smaller pieces only is passed on in pieces. A
 * driver that does not negotiate FLUSH has each write flushed before it completes, as the
 * specification asks [VIRTIO 1.4 §5.2.6.2]. Not here: secure erase, zones, a switchable cache.
 */
#ifndef VDEV_BACKENDS_BLOCK_H
#define VDEV_BACKENDS_BLOCK_H

#include <vdev/block.h>
#include <vdev/virtio.h>

/* The most queues, and the most segments of one discard or write zeroes. */
#define VDEV_BLOCK_BACKEND_QUEUES   64u
#define VDEV_BLOCK_BACKEND_SEGMENTS 32u

struct vdev_block_backend;

/* One request in flight. The fields are the back-end's. */
struct vdev_block_backend_slot {
    struct vdev_block_request request;
    struct vdev_block_backend *backend;
    struct vdev_buffer *buffers; /* of the whole chain */
    struct vdev_buffer *data;    /* what is left of the data, the part in flight first */
    size_t data_count;
    uint8_t *status; /* the driver's status byte */
    uint64_t sector;
    uint32_t data_length; /* bytes of the whole request */
    uint32_t epoch;
    size_t trimmed; /* bytes cut off the last buffer of the part in flight */
    uint16_t queue;
    uint16_t id;
    uint8_t segment; /* of a discard or write zeroes: the next one of `segments` */
    uint8_t segments;
    uint8_t state;
};

struct vdev_block_backend_configuration {
    const struct vdev_memory *memory; /* the guest's */
    struct vdev_block *block;         /* below; used by this back-end from its init on */
    /* One slot for each request that may be in flight below. */
    struct vdev_block_backend_slot *slots;
    size_t slot_count;
    /* slot_count * buffers_per_slot of them: header, data and status, in pieces of memory. */
    struct vdev_buffer *buffers;
    size_t buffers_per_slot; /* 3 or more; two less is the driver's seg_max */
    uint16_t queue_size;     /* a power of two, 4 or more */
    const char *identifier;  /* for GET_ID, at most 20 bytes count; NULL: the block device's own */
    /* Queues that requests may come in, at most VDEV_BLOCK_BACKEND_QUEUES; 0: one. */
    uint16_t queue_count;
    struct vdev_virtio_queue *queues; /* queue_count of them; may be NULL for one */
};

struct vdev_block_backend {
    struct vdev_virtio_device device; /* to put on a transport */
    struct vdev_virtio_queue queue; /* where there is one, and the caller has brought none */
    struct vdev_block *block;
    struct vdev_block_backend_slot *slots;
    size_t slot_count;
    size_t buffers_per_slot;
    size_t in_flight; /* slots whose request the class below has */
    size_t waiting;   /* slots whose next piece the class below would not take yet */
    size_t stale;     /* slots in flight from before a reset */
    bool held;        /* the first chain in a ring waits for the class below */
    uint16_t current; /* the queue that is being worked through */
    uint16_t turn;    /* the queue to begin with, of several */
    uint64_t left;    /* queues that may have chains in them that nobody will tell of */
    struct vdev_block_backend_slot *next; /* free: takes the next chain */
    struct vdev_chain chain;
    uint8_t configuration_space[60];
    uint8_t identifier[20];
    uint32_t requests;  /* handed to the class below or answered; modulo 2^32 */
    uint32_t errors;    /* of these, answered with an error; modulo 2^32 */
    uint32_t malformed; /* chains without a status byte to answer in; modulo 2^32 */
};

/*
 * Make a back-end; put `backend->device` on a transport next. All that the configuration points to
 * stays the caller's and in place. VDEV_ERROR_INVALID: a missing pointer, no slots, fewer than 3
 * buffers for each, too many queues, or a queue size that is not allowed.
 */
int vdev_block_backend_init(struct vdev_block_backend *backend,
                            const struct vdev_block_backend_configuration *configuration);

/* The medium below has changed its size: tell the driver. From the device's context. */
void vdev_block_backend_resized(struct vdev_block_backend *backend);

#endif
