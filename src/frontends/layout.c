/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of the front-ends, laid out in two areas: which parts there are, and how long.
 *
 * The same walk measures and lays out: to measure, it takes from areas that hold anything, which
 * begin at address 0. So addresses are numbers here, and no pointer is ever used.
 */
#include <vdev/frontends/layout.h>
#include <vdev/status.h>

struct layout {
    struct vdev_frontend_memory memory;
    bool full; /* a part did not fit: the rest means nothing */
};

/* ---- parts ---- */

/* `length` may be more than there can be. */
static bool take(struct vdev_buffer *area, uint64_t length, size_t alignment,
                 struct vdev_buffer *part)
{
    uintptr_t address = (uintptr_t)area->pointer;
    size_t gap = (size_t)(-address & (alignment - 1));

    if (gap > area->length || length > area->length - gap) {
        return false;
    }
    *part = (struct vdev_buffer){(void *)(address + gap), (size_t)length, area->bus_address + gap};
    area->pointer = (void *)(address + gap + (size_t)length);
    area->bus_address += gap + length;
    area->length -= gap + (size_t)length;
    return true;
}

struct vdev_buffer vdev_frontend_take(struct vdev_buffer *area, size_t length)
{
    struct vdev_buffer part = {NULL, 0, VDEV_NO_BUS_ADDRESS};
    bool has_address = area->bus_address != VDEV_NO_BUS_ADDRESS;

    take(area, length, VDEV_FRONTEND_ALIGNMENT, &part);
    if (!has_address) {
        area->bus_address = part.bus_address = VDEV_NO_BUS_ADDRESS;
    }
    return part;
}

static struct vdev_buffer shared(struct layout *layout, uint64_t length)
{
    struct vdev_buffer part = {NULL, 0, VDEV_NO_BUS_ADDRESS};

    layout->full |= !take(&layout->memory.shared, length, VDEV_FRONTEND_ALIGNMENT, &part);
    return part;
}

static void *own(struct layout *layout, uint64_t count, size_t size)
{
    struct vdev_buffer part = {NULL, 0, VDEV_NO_BUS_ADDRESS};

    layout->full |= !take(&layout->memory.own, count * size, _Alignof(max_align_t), &part);
    return part.pointer;
}

static void take_queue(struct layout *layout, struct vdev_driver_queue_memory *queue, uint16_t size)
{
    queue->descriptors = shared(layout, vdev_virtqueue_descriptor_bytes(size));
    queue->driver = shared(layout, vdev_virtqueue_driver_bytes(size));
    queue->device = shared(layout, vdev_virtqueue_device_bytes(size));
    queue->slots = own(layout, size, sizeof *queue->slots);
    if (queue->indirect_count != 0) {
        /* A table for each slot, of 16 bytes for each descriptor [VIRTIO 1.4 §2.7.5]. */
        queue->indirect = shared(layout, (uint64_t)size * 16 * queue->indirect_count);
    }
}

/* ---- front-ends ---- */

static void take_block(struct layout *layout, struct vdev_block_frontend_configuration *block)
{
    take_queue(layout, &block->queue, block->queue_size);
    block->shared =
        shared(layout, (uint64_t)block->request_count * VDEV_BLOCK_FRONTEND_SHARED_BYTES);
    block->requests = own(layout, block->request_count, sizeof *block->requests);
    block->pieces = own(layout, block->piece_count, sizeof *block->pieces);
}

static void take_console(struct layout *layout, struct vdev_console_frontend_configuration *console)
{
    uint64_t size = console->buffer_size;

    take_queue(layout, &console->receive_queue, console->queue_size);
    take_queue(layout, &console->transmit_queue, console->queue_size);
    console->receive_memory = shared(layout, console->receive_count * size);
    console->transmit_memory = shared(layout, console->transmit_count * size);
}

static void take_net(struct layout *layout, struct vdev_net_frontend_configuration *net)
{
    uint64_t received = net->receive_count, sent = net->transmission_count;

    take_queue(layout, &net->receive_queue, net->queue_size);
    take_queue(layout, &net->transmit_queue, net->queue_size);
    net->receive_memory = shared(layout, received * net->receive_size);
    net->received = own(layout, received, sizeof *net->received);
    net->transmissions = own(layout, sent, sizeof *net->transmissions);
    net->headers = shared(layout, sent * VDEV_NET_FRONTEND_SLOT_BYTES);
    net->pieces = own(layout, net->piece_count, sizeof *net->pieces);
    if (net->bounce_size != 0) {
        net->bounce = shared(layout, sent * net->bounce_size);
    }
    if (net->control_queue_size != 0) {
        take_queue(layout, &net->control_queue, net->control_queue_size);
        net->control = shared(layout, VDEV_NET_FRONTEND_CONTROL_BYTES);
    }
}

/* ---- laying out ---- */

/* What came of it: the areas without what was taken, unless it was too much. */
static int finish(const struct layout *layout, struct vdev_frontend_memory *memory)
{
    const struct vdev_buffer *area = &memory->shared;
    uint64_t difference = area->bus_address ^ (uintptr_t)area->pointer;

    if (area->bus_address == VDEV_NO_BUS_ADDRESS ||
        (difference & (VDEV_FRONTEND_ALIGNMENT - 1)) != 0) {
        return VDEV_ERROR_INVALID;
    }
    if (layout->full) {
        return VDEV_ERROR_FULL;
    }
    *memory = layout->memory;
    return VDEV_OK;
}

int vdev_block_frontend_lay_out(struct vdev_block_frontend_configuration *configuration,
                                struct vdev_frontend_memory *memory)
{
    struct vdev_block_frontend_configuration block = *configuration;
    struct layout layout = {.memory = *memory};

    take_block(&layout, &block);
    int status = finish(&layout, memory);
    if (status == VDEV_OK) {
        *configuration = block;
        if (configuration->data.length == 0) {
            configuration->data = memory->shared;
        }
    }
    return status;
}

int vdev_console_frontend_lay_out(struct vdev_console_frontend_configuration *configuration,
                                  struct vdev_frontend_memory *memory)
{
    struct vdev_console_frontend_configuration console = *configuration;
    struct layout layout = {.memory = *memory};

    take_console(&layout, &console);
    int status = finish(&layout, memory);
    if (status == VDEV_OK) {
        *configuration = console;
    }
    return status;
}

int vdev_net_frontend_lay_out(struct vdev_net_frontend_configuration *configuration,
                              struct vdev_frontend_memory *memory)
{
    struct vdev_net_frontend_configuration net = *configuration;
    struct layout layout = {.memory = *memory};

    take_net(&layout, &net);
    int status = finish(&layout, memory);
    if (status == VDEV_OK) {
        *configuration = net;
    }
    return status;
}

/* ---- measuring ---- */

static const struct layout endless = {.memory = {{NULL, SIZE_MAX, 0}, {NULL, SIZE_MAX, 0}}};

static struct vdev_frontend_bytes taken(const struct layout *layout)
{
    return layout->full ? (struct vdev_frontend_bytes){SIZE_MAX, SIZE_MAX}
                        : (struct vdev_frontend_bytes){SIZE_MAX - layout->memory.shared.length,
                                                       SIZE_MAX - layout->memory.own.length};
}

struct vdev_frontend_bytes
vdev_block_frontend_bytes(const struct vdev_block_frontend_configuration *configuration)
{
    struct vdev_block_frontend_configuration block = *configuration;
    struct layout layout = endless;

    take_block(&layout, &block);
    return taken(&layout);
}

struct vdev_frontend_bytes
vdev_console_frontend_bytes(const struct vdev_console_frontend_configuration *configuration)
{
    struct vdev_console_frontend_configuration console = *configuration;
    struct layout layout = endless;

    take_console(&layout, &console);
    return taken(&layout);
}

struct vdev_frontend_bytes
vdev_net_frontend_bytes(const struct vdev_net_frontend_configuration *configuration)
{
    struct vdev_net_frontend_configuration net = *configuration;
    struct layout layout = endless;

    take_net(&layout, &net);
    return taken(&layout);
}
