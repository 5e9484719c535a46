/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block class: requests on 512-byte sectors.
 *
 * Offered by a card's driver, a block front-end, a file, or a partition; used by a block back-end,
 * a card emulator, or a program. A request is a structure of the caller's: `submit` queues it and
 * never completes it inside itself; its `complete` is called from inside `poll`, which the owner of
 * the device calls from its interrupt or its loop.
 */
#ifndef VDEV_BLOCK_H
#define VDEV_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/buffer.h>

#define VDEV_SECTOR_SIZE 512u

enum vdev_block_operation {
    VDEV_BLOCK_READ,
    VDEV_BLOCK_WRITE,
    VDEV_BLOCK_FLUSH, /* no sector and no buffers: all completed writes are on the medium */
    /* `sectors` of them, no buffers; VDEV_ERROR_UNSUPPORTED by who does not say that it can. */
    VDEV_BLOCK_DISCARD,           /* what is in them is of no use any more */
    VDEV_BLOCK_WRITE_ZEROES,      /* they read as zeros from now on; they may be deallocated ... */
    VDEV_BLOCK_WRITE_ZEROES_KEEP, /* ... or not */
};

struct vdev_block_request {
    enum vdev_block_operation operation;
    uint64_t sector;                   /* first sector */
    const struct vdev_buffer *buffers; /* together a multiple of the sector size, not zero */
    size_t buffer_count;
    uint64_t sectors; /* of discard and write zeroes */
    /*
     * Called once, from inside poll: VDEV_OK, or VDEV_ERROR_IO, VDEV_ERROR_TIMEOUT,
     * VDEV_ERROR_ABSENT. The request is the caller's again; it may be submitted anew from here.
     */
    void (*complete)(struct vdev_block_request *request, int status);
    void *owner;                     /* the caller's; the device does not look at it */
    struct vdev_block_request *next; /* the device's, while it has the request */
};

/* What a device tells of itself; constant while no medium changes. */
struct vdev_block_information {
    uint64_t sectors;         /* capacity in 512-byte sectors */
    uint32_t block_size;      /* bytes of the smallest good request: a power of two, 512 or more */
    uint32_t maximum_sectors; /* in one request; 0: no limit */
    uint32_t maximum_buffers; /* in one request; 0: no limit */
    /* In one request, of any alignment to block_size; 0: cannot. */
    uint32_t maximum_discard_sectors;
    uint32_t maximum_zeroes_sectors;
    uint32_t optimal_size; /* bytes of the best request, a multiple of block_size; 0: no advice */
    bool read_only;
    char identifier[21]; /* terminated; the medium's serial number or name, perhaps empty */
};

struct vdev_block;

struct vdev_block_operations {
    /*
     * VDEV_OK: queued, `complete` will come. Else not queued: VDEV_ERROR_INVALID (no buffers, or
     * not whole sectors), VDEV_ERROR_RANGE (past the end), VDEV_ERROR_READ_ONLY,
     * VDEV_ERROR_UNSUPPORTED, VDEV_ERROR_FULL (over the device's limits), VDEV_ERROR_ABSENT.
     */
    int (*submit)(struct vdev_block *block, struct vdev_block_request *request);
    /*
     * Look at the hardware, move at most one block, complete what is done. Returns true if it
     * should be called again at once, false if an event will call for it.
     */
    bool (*poll)(struct vdev_block *block);
};

/* Embedded by each device of the class as its public face. */
struct vdev_block {
    const struct vdev_block_operations *operations;
    struct vdev_block_information information;
};

/* The checks that every device of the class makes on a request, in one place; errors as of submit.
 */
int vdev_block_check(const struct vdev_block *block, const struct vdev_block_request *request);

static inline int vdev_block_submit(struct vdev_block *block, struct vdev_block_request *request)
{
    return block->operations->submit(block, request);
}

static inline bool vdev_block_poll(struct vdev_block *block)
{
    return block->operations->poll(block);
}

#endif
