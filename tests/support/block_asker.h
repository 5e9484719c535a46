/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block front-end in a machine, and a program that asks it for blocks: what the tests of the
 * block front-end start from. Which device there is, is theirs to say.
 */
#ifndef SUPPORT_BLOCK_ASKER_H
#define SUPPORT_BLOCK_ASKER_H

#include "virtio_machine.h"

#include <linux/virtio_blk.h>

#include <vdev/frontends/block.h>

#define QUEUE    32
#define REQUESTS 6
#define PIECES   20

static struct machine machine;
static struct vdev_block_frontend frontend;
static struct vdev_block_frontend_request records[REQUESTS];
static struct vdev_driver_slot driver_slots[QUEUE];
static struct vdev_buffer pieces[PIECES];
static struct vdev_block_frontend_configuration configuration;

/* A request and how it ended. */
struct asked {
    struct vdev_block_request request;
    struct vdev_buffer buffers[20];
    unsigned completed;
    int status;
    bool polls;          /* calls poll from inside the completion */
    bool stops;          /* stops the front-end from inside the completion */
    struct asked *again; /* submitted from inside the completion */
};

static inline void on_complete(struct vdev_block_request *request, int status)
{
    struct asked *asked = request->owner;

    asked->completed++;
    asked->status = status;
    if (asked->polls) {
        ck_assert(!vdev_block_poll(&frontend.block));
    }
    if (asked->stops) {
        ck_assert_int_eq(vdev_block_frontend_stop(&frontend), VDEV_OK);
    }
    if (asked->again != NULL) {
        asked->again->status = vdev_block_submit(&frontend.block, &asked->again->request);
    }
}

static inline int ask(struct asked *asked, enum vdev_block_operation operation, uint64_t sector,
                      struct vdev_buffer data)
{
    *asked = (struct asked){.buffers = {data}};
    asked->request = (struct vdev_block_request){
        .operation = operation,
        .sector = sector,
        .buffers = asked->buffers,
        .buffer_count = operation != VDEV_BLOCK_FLUSH,
        .complete = on_complete,
        .owner = asked,
    };
    return vdev_block_submit(&frontend.block, &asked->request);
}

#define ck_assert_ended(asked, expected)                                                           \
    do {                                                                                           \
        ck_assert_uint_eq((asked)->completed, 1);                                                  \
        ck_assert_int_eq((asked)->status, (expected));                                             \
    } while (0)

static inline void configure(struct vdev_virtio_driver *transport)
{
    configuration = (struct vdev_block_frontend_configuration){
        .transport = transport,
        .clock = &machine.clock.clock,
        .queue = machine_queue_memory(&machine, QUEUE, PIECES, driver_slots),
        .queue_size = QUEUE,
        .requests = records,
        .request_count = REQUESTS,
        .shared = machine_allocate(&machine, REQUESTS * VDEV_BLOCK_FRONTEND_SHARED_BYTES, 64),
        .pieces = pieces,
        .piece_count = PIECES,
        .timeout_nanoseconds = 5000000,
    };
}

static inline void teardown(void)
{
    machine_finish(&machine);
}

#endif
