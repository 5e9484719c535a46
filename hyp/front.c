/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pure devices whose driver is elsewhere: the emulator stays here, on a front-end of the library,
 * whose rings and buffers are in memory that a driver VM sees. No trap is forwarded: the cut is
 * below the device class.
 */
#include <vdev/status.h>

#include "front.h"
#include "machine.h"

enum { OWN_MEMORY = 0x1000, QUEUE_SIZE = 64, PIECES = 16, CONSOLE_BUFFERS = 8, FRAMES = 32 };
#define PATIENCE UINT64_C(5000000000) /* ns, of a request */

static int start_block(struct vdev_block_frontend *frontend, struct vdev_frontend_memory *memory,
                       struct vdev_virtio_driver *transport)
{
    struct vdev_block_frontend_configuration configuration = {.transport = transport,
                                                              .clock = &link_clock,
                                                              .queue_size = QUEUE_SIZE,
                                                              .request_count = 8,
                                                              .piece_count = PIECES,
                                                              .timeout_nanoseconds = PATIENCE};
    int status = vdev_block_frontend_lay_out(&configuration, memory);

    return status != VDEV_OK ? status : vdev_block_frontend_init(frontend, &configuration);
}

static int start_console(struct vdev_console_frontend *frontend,
                         struct vdev_frontend_memory *memory, struct vdev_virtio_driver *transport)
{
    struct vdev_console_frontend_configuration configuration = {.transport = transport,
                                                                .clock = &link_clock,
                                                                .queue_size = QUEUE_SIZE,
                                                                .receive_count = CONSOLE_BUFFERS,
                                                                .transmit_count = CONSOLE_BUFFERS,
                                                                .buffer_size = 512};
    int status = vdev_console_frontend_lay_out(&configuration, memory);

    return status != VDEV_OK ? status : vdev_console_frontend_init(frontend, &configuration);
}

static int start_network(struct vdev_net_frontend *frontend, struct vdev_frontend_memory *memory,
                         struct vdev_virtio_driver *transport)
{
    struct vdev_net_frontend_configuration configuration = {
        .transport = transport,
        .clock = &link_clock,
        .queue_size = QUEUE_SIZE,
        .receive_size = 1536,
        .receive_count = FRAMES,
        .transmission_count = FRAMES,
        .piece_count = PIECES,
        .bounce_size = 1536, /* what the emulator holds nobody else is to see */
        .timeout_nanoseconds = PATIENCE};
    int status = vdev_net_frontend_lay_out(&configuration, memory);

    return status != VDEV_OK ? status : vdev_net_frontend_init(frontend, &configuration);
}

int front_start(struct front *front, uint32_t kind, struct vdev_virtio_driver *transport)
{
    struct vdev_frontend_memory memory = {
        .shared = {(void *)front->memory, FRONT_MEMORY, front->memory},
        .own = {vm_allocate(OWN_MEMORY), OWN_MEMORY, VDEV_NO_BUS_ADDRESS},
    };
    front->kind = kind;
    int status = kind == HYP_DEVICE_DISK ? start_block(&front->block_frontend, &memory, transport)
                 : kind == HYP_DEVICE_CONSOLE
                     ? start_console(&front->console_frontend, &memory, transport)
                     : start_network(&front->net_frontend, &memory, transport);

    front->free = memory.shared;
    return status;
}

bool front_poll(struct front *front)
{
    return front->kind == HYP_DEVICE_DISK      ? vdev_block_poll(&front->block_frontend.block)
           : front->kind == HYP_DEVICE_CONSOLE ? vdev_console_poll(&front->console_frontend.console)
                                               : vdev_net_poll(&front->net_frontend.net);
}
