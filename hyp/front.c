/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pure devices whose driver is elsewhere: the emulator stays here, on a front-end of the library,
 * whose rings and buffers are in memory that a driver VM sees. No trap is forwarded: the cut is below
 * the device class.
 */
#include <vdev/status.h>

#include "front.h"
#include "machine.h"

enum {
    QUEUE_SIZE = 64,
    REQUESTS = 8,
    PIECES = 16,
    CONSOLE_BUFFERS = 8,
    CONSOLE_BUFFER = 512,
    FRAMES = 32, /* each way */
    FRAME_BYTES = 1536,
};
#define PATIENCE UINT64_C(5000000000) /* ns, of a request */

static struct vdev_buffer shared(struct front *front, uint32_t size)
{
    size = (size + 63) & ~63u;
    if (size > front->left) {
        log_stop("vdev: a front-end takes more than its %u bytes", (unsigned)FRONT_MEMORY);
    }
    front->left -= size;
    uint32_t at = front->memory + front->left;
    return (struct vdev_buffer){(void *)at, size, at};
}

void *front_allocate(struct front *front, uint32_t size)
{
    return shared(front, size).pointer;
}

static struct vdev_driver_queue_memory queue(struct front *front, uint16_t size)
{
    return (struct vdev_driver_queue_memory){
        .descriptors = shared(front, (uint32_t)vdev_virtqueue_descriptor_bytes(size)),
        .driver = shared(front, (uint32_t)vdev_virtqueue_driver_bytes(size)),
        .device = shared(front, (uint32_t)vdev_virtqueue_device_bytes(size)),
        .slots = vm_allocate(size * sizeof(struct vdev_driver_slot)),
    };
}

/* ---- block: an emulator's buffer is shared memory too, so that nothing is copied ---- */

static int submit(struct vdev_block *block, struct vdev_block_request *request)
{
    struct front *front = (struct front *)((char *)block - offsetof(struct front, block));
    struct vdev_buffer *buffers = (struct vdev_buffer *)request->buffers;

    for (size_t i = 0; i < request->buffer_count; i++) {
        buffers[i].bus_address = (uintptr_t)buffers[i].pointer;
    }
    return vdev_block_submit(&front->block_frontend.block, request);
}

static bool poll(struct vdev_block *block)
{
    struct front *front = (struct front *)((char *)block - offsetof(struct front, block));

    return vdev_block_poll(&front->block_frontend.block);
}

static int start_block(struct front *front, struct vdev_virtio_driver *transport)
{
    static const struct vdev_block_operations operations = {.submit = submit, .poll = poll};
    const struct vdev_block_frontend_configuration configuration = {
        .transport = transport,
        .clock = &link_clock,
        .queue = queue(front, QUEUE_SIZE),
        .queue_size = QUEUE_SIZE,
        .requests = vm_allocate(REQUESTS * sizeof(struct vdev_block_frontend_request)),
        .request_count = REQUESTS,
        .shared = shared(front, REQUESTS * VDEV_BLOCK_FRONTEND_SHARED_BYTES),
        .pieces = vm_allocate(PIECES * sizeof(struct vdev_buffer)),
        .piece_count = PIECES,
        .timeout_nanoseconds = PATIENCE,
    };
    int status = vdev_block_frontend_init(&front->block_frontend, &configuration);

    front->block.operations = &operations;
    front->block.information = front->block_frontend.block.information;
    return status;
}

/* ---- console and network ---- */

static int start_console(struct front *front, struct vdev_virtio_driver *transport)
{
    const struct vdev_console_frontend_configuration configuration = {
        .transport = transport,
        .clock = &link_clock,
        .receive_queue = queue(front, QUEUE_SIZE),
        .transmit_queue = queue(front, QUEUE_SIZE),
        .queue_size = QUEUE_SIZE,
        .receive_memory = shared(front, CONSOLE_BUFFERS * CONSOLE_BUFFER),
        .transmit_memory = shared(front, CONSOLE_BUFFERS * CONSOLE_BUFFER),
        .receive_count = CONSOLE_BUFFERS,
        .transmit_count = CONSOLE_BUFFERS,
        .buffer_size = CONSOLE_BUFFER,
    };

    return vdev_console_frontend_init(&front->console_frontend, &configuration);
}

static int start_network(struct front *front, struct vdev_virtio_driver *transport)
{
    const struct vdev_net_frontend_configuration configuration = {
        .transport = transport,
        .clock = &link_clock,
        .receive_queue = queue(front, QUEUE_SIZE),
        .transmit_queue = queue(front, QUEUE_SIZE),
        .queue_size = QUEUE_SIZE,
        .receive_memory = shared(front, FRAMES * FRAME_BYTES),
        .receive_size = FRAME_BYTES,
        .receive_count = FRAMES,
        .received = vm_allocate(FRAMES * sizeof(struct vdev_buffer)),
        .transmissions = vm_allocate(FRAMES * sizeof(struct vdev_net_frontend_transmission)),
        .transmission_count = FRAMES,
        .headers = shared(front, FRAMES * VDEV_NET_FRONTEND_SLOT_BYTES),
        .pieces = vm_allocate(PIECES * sizeof(struct vdev_buffer)),
        .piece_count = PIECES,
        .timeout_nanoseconds = PATIENCE,
    };

    return vdev_net_frontend_init(&front->net_frontend, &configuration);
}

int front_start(struct front *front, uint32_t kind, struct vdev_virtio_driver *transport)
{
    front->kind = kind;
    front->left = FRONT_MEMORY;
    return kind == HYP_DEVICE_DISK      ? start_block(front, transport)
           : kind == HYP_DEVICE_CONSOLE ? start_console(front, transport)
                                        : start_network(front, transport);
}

bool front_poll(struct front *front)
{
    return front->kind == HYP_DEVICE_DISK      ? vdev_block_poll(&front->block_frontend.block)
           : front->kind == HYP_DEVICE_CONSOLE ? vdev_console_poll(&front->console_frontend.console)
                                               : vdev_net_poll(&front->net_frontend.net);
}
