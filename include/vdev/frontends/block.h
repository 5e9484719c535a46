/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for virtio block devices [VIRTIO 1.4 §5.2] on any transport, offering the block class.
 *
 * The device is not trusted: what it returns is checked, what it does not return times out. A
 * device that breaks the rules, asks for a reset or falls silent is reset and started again; what
 * was in flight fails with VDEV_ERROR_IO (or VDEV_ERROR_TIMEOUT). If it does not start again, it is
 * gone: VDEV_ERROR_ABSENT from then on. Nothing is copied: data
 * buffers need bus addresses, or have to lie in `data` of the configuration, else submit returns
 * VDEV_ERROR_INVALID.
 */
#ifndef VDEV_FRONTENDS_BLOCK_H
#define VDEV_FRONTENDS_BLOCK_H

#include <vdev/block.h>
#include <vdev/clock.h>
#include <vdev/virtio_driver.h>
#include <vdev/virtqueue.h>

/* Memory shared with the device for each request: header, status, and an identifier. */
#define VDEV_BLOCK_FRONTEND_SHARED_BYTES 64u

/* A request in flight, where the device cannot reach it. The fields are the front-end's. */
struct vdev_block_frontend_request {
    struct vdev_block_request *request; /* NULL: free */
    uint32_t data_length;               /* bytes the device is to write, without the status */
    uint16_t next_free;
};

struct vdev_block_frontend_configuration {
    struct vdev_virtio_driver *transport;
    const struct vdev_clock *clock;
    struct vdev_driver_queue_memory queue; /* of queue_size */
    uint16_t queue_size;                   /* a power of two, at most what the device offers */
    struct vdev_block_frontend_request *requests; /* one for each request in flight */
    uint16_t request_count;                       /* 1 or more */
    /* request_count * VDEV_BLOCK_FRONTEND_SHARED_BYTES, with a bus address, aligned to 16. */
    struct vdev_buffer shared;
    /* Room to make up one request: two more than the most buffers it may have. */
    struct vdev_buffer *pieces;
    uint16_t piece_count; /* 3 or more */
    /* Memory that the device reaches, with a bus address, of which that of a data buffer without
     * one, an emulator's for instance, can be told; or empty. */
    struct vdev_buffer data;
    uint64_t timeout_nanoseconds; /* without any completion while requests are in flight; 0: none */
};

struct vdev_block_frontend {
    struct vdev_block block; /* the class; its information is filled in by init */
    struct vdev_block_frontend_configuration configuration;
    struct vdev_driver_queue queue;
    struct vdev_block_request *pending_first; /* submitted, not yet in the ring */
    struct vdev_block_request *pending_last;
    uint64_t accepted; /* features */
    uint64_t progress; /* time of the last completion, or of the first request after idleness */
    uint32_t size_maximum;
    uint32_t segments_maximum;
    uint16_t free_head;
    uint16_t in_flight;
    bool flush;         /* the device has a cache to flush */
    bool alive;         /* else: gone */
    bool broken;        /* found while queuing; poll will restart the device */
    bool polling;       /* inside poll: what is submitted is queued at its end */
    uint32_t restarts;  /* modulo 2^32 */
    uint32_t malformed; /* completions that did not fit their request; modulo 2^32 */
};

/*
 * Take a device through its initialization and read what it is. Waits, for the reset and for the
 * identifier, at most VDEV_VIRTIO_RESET_NANOSECONDS each. What the configuration points to stays
 * the caller's and in place until vdev_block_frontend_stop. VDEV_ERROR_INVALID: a missing pointer,
 * too few requests or pieces, memory too short or misaligned, or a device that describes itself
 * impossibly; else as of vdev_virtio_driver_begin and vdev_virtio_driver_start_queue.
 */
int vdev_block_frontend_init(struct vdev_block_frontend *frontend,
                             const struct vdev_block_frontend_configuration *configuration);

/*
 * Reset the device and fail with VDEV_ERROR_ABSENT what is in flight or pending. May be called from
 * inside a completion.
 * VDEV_ERROR_TIMEOUT: the device does not say that it is reset, and may still use the memory.
 */
int vdev_block_frontend_stop(struct vdev_block_frontend *frontend);

#endif
