/* SPDX-License-Identifier: BSD-2-Clause */
/* The board's Ethernet controller below a switch, which has a port for each client. */
#include <vdev/backends/net.h>
#include <vdev/drivers/lan9118.h>
#include <vdev/mux/switch.h>
#include <vdev/status.h>

#include "shared.h"

enum {
    QUEUE_SIZE = 256,
    FRAMES = 64, /* of a client's, that wait at its port or in the controller's driver */
    FRAME_BUFFERS = 20,
    RECEIVE_CHAINS = 64, /* that one received frame may be put into */
    SEGMENTS = 4,        /* made in software that the controller may have at a time */
    PIECES = (SEGMENTS + 1) * (FRAME_BUFFERS + 2),
    ADDRESSES = 64,
    BOUNCE = 1536,
};

static struct vdev_lan9118_driver controller;
static struct vdev_switch network;
static struct {
    struct vdev_net_backend backend;
    struct vdev_switch_port port;
    struct vdev_switch_slot segments[SEGMENTS];
    struct vdev_buffer pieces[PIECES];
    struct vdev_net_backend_slot slots[FRAMES];
    struct vdev_buffer buffers[FRAMES * FRAME_BUFFERS];
    struct vdev_buffer receive_buffers[RECEIVE_CHAINS];
    struct vdev_used_chain receive_chains[RECEIVE_CHAINS];
} clients[SHARED_CLIENTS];
static uint8_t joined;

static uint32_t steps;

static int start(const struct shared_start *start)
{
    static struct vdev_switch_port uplink;
    static struct vdev_switch_entry entries[ADDRESSES];
    static uint8_t bounce[BOUNCE] __attribute__((aligned(4)));
    const struct vdev_lan9118_driver_configuration board = {
        .io = {.base = start->address},
        .clock = start->clock,
        .receive_mode = VDEV_NET_RECEIVE_ALL,
        .interrupt_active_high = true,
        .interrupt_push_pull = true,
        .bursts = true,
        .wake = start->wake,
        .receive_offset = 2, /* as Linux' receive buffers are, unless they are merged */
    };
    const struct vdev_switch_configuration configuration = {
        .entries = entries,
        .entry_count = ADDRESSES,
        .clock = start->clock,
        .seed = (uint32_t)vdev_clock_now(start->clock),
        .wake = start->wake,
    };
    const struct vdev_switch_uplink_configuration up = {
        .net = &controller.net,
        .bounce = {bounce, sizeof bounce, VDEV_NO_BUS_ADDRESS},
        .learned_maximum = ADDRESSES / 2,
    };
    int status = vdev_lan9118_driver_init(&controller, &board);

    steps = start->steps;
    if (status == VDEV_OK) {
        status = vdev_switch_init(&network, &configuration);
    }
    return status != VDEV_OK ? status : vdev_switch_add_uplink(&network, &uplink, &up);
}

/* The first that joins has the controller's address, as if it had the controller. */
static int join(uint32_t number, const struct shared_client *client,
                struct vdev_virtio_device **device)
{
    const uint8_t *own = controller.net.address;
    const struct vdev_switch_guest_configuration port = {
        .address = {own[0], own[1], own[2], own[3], own[4], (uint8_t)(own[5] + joined++)},
        .fixed = true,
        .follows = true,
        .queue_maximum = FRAMES,
        .slots = clients[number].segments,
        .slot_count = SEGMENTS,
        .pieces = clients[number].pieces,
        .piece_count = PIECES,
    };
    const struct vdev_net_backend_configuration backend = {
        .memory = client->memory,
        .net = &clients[number].port.net,
        .slots = clients[number].slots,
        .slot_count = FRAMES,
        .buffers = clients[number].buffers,
        .buffers_per_slot = FRAME_BUFFERS,
        .receive_buffers = clients[number].receive_buffers,
        .receive_buffer_count = RECEIVE_CHAINS,
        .receive_chains = clients[number].receive_chains,
        /*
         * Merged buffers are for frames from another guest that are longer than the medium takes.
         * One that only ever gets short ones is better off without: Linux then copies no headers.
         */
        .receive_chain_count = client->merges ? RECEIVE_CHAINS : 1,
        .queue_size = QUEUE_SIZE,
    };
    int status = vdev_switch_add_guest(&network, &clients[number].port, &port);

    *device = &clients[number].backend.device;
    return status != VDEV_OK || client->memory == NULL
               ? status
               : vdev_net_backend_init(&clients[number].backend, &backend);
}

struct vdev_net *shared_network_port(uint32_t number)
{
    return &clients[number].port.net;
}

const struct vdev_net *shared_network_controller(void)
{
    return &controller.net;
}

static enum shared_progress poll(uint64_t *deadline)
{
    bool more = true;

    (void)deadline;
    for (uint32_t step = 0; more && step < steps; step++) {
        more = vdev_switch_poll(&network);
        more |= vdev_net_poll(&controller.net);
    }
    return more ? SHARED_MORE : SHARED_WAITS;
}

const struct shared_service shared_network = {
    .interrupts = 1, .start = start, .join = join, .poll = poll};
