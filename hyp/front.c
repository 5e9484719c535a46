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

static int submit_block(struct vdev_block *block, struct vdev_block_request *request)
{
    struct front *front = (struct front *)((char *)block - offsetof(struct front, block_frontend));
    struct vdev_buffer *buffers = (struct vdev_buffer *)request->buffers;

    for (size_t i = 0; i < request->buffer_count; i++) {
        buffers[i].bus_address = (uintptr_t)buffers[i].pointer;
    }
    return front->submit_block(block, request);
}

static int start_block(struct front *front, struct vdev_virtio_driver *transport)
{
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

    if (status != VDEV_OK) {
        return status;
    }
    front->block = *front->block_frontend.block.operations;
    front->submit_block = front->block.submit;
    front->block.submit = submit_block;
    front->block_frontend.block.operations = &front->block;
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

/* A frame lies in the emulator, which nobody else is to see: it is copied. */
static void sent(struct vdev_net_frame *frame, int status)
{
    struct front_frame *copy = (struct front_frame *)(void *)frame;
    struct vdev_net_frame *origin = copy->origin;

    copy->origin = NULL;
    origin->complete(origin, status);
}

static int submit_net(struct vdev_net *net, struct vdev_net_frame *frame)
{
    struct front *front = (struct front *)((char *)net - offsetof(struct front, net_frontend));
    struct front_frame *copy = front->frames;
    struct vdev_cursor cursor = vdev_cursor(frame->buffers, frame->buffer_count);

    if (frame->length > FRAME_BYTES) {
        return VDEV_ERROR_RANGE;
    }
    for (unsigned i = 0; copy->origin != NULL; copy++) {
        if (++i == FRAMES) {
            return VDEV_ERROR_FULL;
        }
    }
    vdev_cursor_read(&cursor, copy->buffer.pointer, frame->length);
    copy->buffer.length = frame->length;
    copy->frame = (struct vdev_net_frame){
        .buffers = &copy->buffer,
        .buffer_count = 1,
        .length = frame->length,
        .offload = frame->offload,
        .complete = sent,
    };
    int status = front->submit_net(net, &copy->frame);
    copy->origin = status == VDEV_OK ? frame : NULL;
    return status;
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

    int status = vdev_net_frontend_init(&front->net_frontend, &configuration);

    if (status != VDEV_OK) {
        return status;
    }
    front->frames = vm_allocate(FRAMES * sizeof *front->frames);
    for (unsigned i = 0; i < FRAMES; i++) {
        front->frames[i].buffer = shared(front, FRAME_BYTES);
    }
    front->net = *front->net_frontend.net.operations;
    front->submit_net = front->net.submit;
    front->net.submit = submit_net;
    front->net_frontend.net.operations = &front->net;
    return VDEV_OK;
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
