/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest on a network, as a virtual machine monitor (VMM) puts it together: a switch with the real
 * network as its uplink, a port of the switch, the virtio network back-end on that port. More
 * guests are more ports. The guest is network_guest.c, in the same process.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <vdev/backends/net.h>
#include <vdev/mux/switch.h>
#include <vdev/status.h>
#include <vdev/virtio_mmio.h>

#include "guest.h"

/* ---- the network below: it prints what it is sent, and answers; a real one has a driver ---- */

static const char answer[] = "Hello, guest.\n";
static struct vdev_net_frame *sent;
static uint8_t reply[VDEV_NET_HEADER_BYTES + sizeof answer];
static bool replies;

static int network_submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    int status = vdev_net_check(frame->length, &frame->offload, net->takes, net->mtu);

    if (status != VDEV_OK) {
        return status;
    }
    if (sent != NULL) {
        return VDEV_ERROR_FULL;
    }
    sent = frame;
    return VDEV_OK;
}

static void network_take(struct vdev_net_frame *frame)
{
    struct vdev_cursor cursor = vdev_cursor(frame->buffers, frame->buffer_count);
    uint8_t header[VDEV_NET_HEADER_BYTES];
    char text[64] = "";

    vdev_cursor_read(&cursor, header, sizeof header);
    vdev_cursor_read(&cursor, text, sizeof text - 1);
    printf("On the network: %s", text);
    memcpy(reply, header + 6, 6); /* back to whom it came from */
    memcpy(reply + 6, header, 6);
    memcpy(reply + 12, header + 12, 2);
    memcpy(reply + sizeof header, answer, sizeof answer);
    replies = true;
    frame->complete(frame, VDEV_OK);
}

static bool network_poll(struct vdev_net *net)
{
    struct vdev_net_arrival arrival = {.length = sizeof reply};
    struct vdev_net_room room;

    if (sent != NULL) {
        struct vdev_net_frame *frame = sent;
        sent = NULL;
        network_take(frame);
    } else if (replies) {
        replies = false;
        memcpy(arrival.header, reply, sizeof arrival.header);
        if (net->client.accept(net->client.owner, &arrival, &room) == VDEV_OK) {
            struct vdev_cursor cursor = vdev_cursor(room.buffers, room.buffer_count);
            vdev_cursor_write(&cursor, reply, sizeof reply);
            net->client.delivered(net->client.owner, VDEV_OK);
        }
    }
    return replies;
}

static const struct vdev_net_operations operations = {.submit = network_submit,
                                                      .poll = network_poll};
static struct vdev_net network = {.operations = &operations, .mtu = VDEV_NET_MTU, .link = true};

/* ---- the switch ---- */

static struct vdev_switch ethernet;
static struct vdev_switch_entry addresses[64]; /* that it can learn */
static struct vdev_switch_port uplink, port;
static uint8_t bounce[VDEV_NET_HEADER_BYTES + VDEV_NET_TAG_BYTES + VDEV_NET_MTU];
static struct vdev_switch_slot port_slots[4]; /* frames that the uplink may have */
static struct vdev_buffer port_pieces[40];

static uint64_t now(void *context)
{
    (void)context;
    return (uint64_t)clock() * (1000000000u / CLOCKS_PER_SEC);
}

static const struct vdev_clock vmm_clock = {.now = now};

static int make_switch(void)
{
    const struct vdev_switch_configuration configuration = {
        .entries = addresses, .entry_count = 64, .clock = &vmm_clock};
    const struct vdev_switch_uplink_configuration up = {
        .net = &network,
        .bounce = {bounce, sizeof bounce, VDEV_NO_BUS_ADDRESS},
        .learned_maximum = 48,
    };
    const struct vdev_switch_guest_configuration guest = {
        .address = {0x52, 0x54, 0, 0, 0, 1},
        .fixed = true, /* it can send as nobody else */
        .queue_maximum = 16,
        .group = {.rate = 1000, .burst = 100}, /* broadcasts, each second */
        .slots = port_slots,
        .slot_count = 4,
        .pieces = port_pieces,
        .piece_count = 40,
    };
    int status = vdev_switch_init(&ethernet, &configuration);

    status = status != VDEV_OK ? status : vdev_switch_add_uplink(&ethernet, &uplink, &up);
    return status != VDEV_OK ? status : vdev_switch_add_guest(&ethernet, &port, &guest);
}

/* ---- the virtual machine ---- */

static uint8_t ram[GUEST_RAM_SIZE] __attribute__((aligned(4096)));
static const struct vdev_memory_region region = {GUEST_RAM, sizeof ram, ram, VDEV_NO_BUS_ADDRESS,
                                                 true};
static struct vdev_memory memory;
static struct vdev_net_backend backend;
static struct vdev_net_backend_slot slots[8]; /* frames that the switch may have */
static struct vdev_buffer buffers[8 * 8], receive_buffers[64];
static struct vdev_used_chain receive_chains[64];
static struct vdev_virtio_mmio mmio;
static struct vdev_bus_window window = {.address = GUEST_NETWORK,
                                        .length = VDEV_VIRTIO_MMIO_WINDOW,
                                        .access = vdev_virtio_mmio_access,
                                        .device = &mmio};
static struct vdev_bus bus;
static bool interrupt;

static void set_line(void *controller, uint32_t number, bool level)
{
    (void)controller;
    (void)number;
    interrupt = level;
}

int vmm_access(uint64_t address, struct vdev_access *access)
{
    return vdev_bus_dispatch(&bus, address, access);
}

int main(void)
{
    const struct vdev_net_backend_configuration configuration = {
        .memory = &memory,
        .net = &port.net,
        .slots = slots,
        .slot_count = 8,
        .buffers = buffers,
        .buffers_per_slot = 8,
        .receive_buffers = receive_buffers,
        .receive_buffer_count = 64,
        .receive_chains = receive_chains,
        .receive_chain_count = 64,
        .queue_size = GUEST_QUEUE,
    };
    const struct vdev_interrupt_line line = {.set = set_line, .number = 41};

    if (make_switch() != VDEV_OK || vdev_memory_init(&memory, &region, 1) != VDEV_OK ||
        vdev_net_backend_init(&backend, &configuration) != VDEV_OK ||
        vdev_virtio_mmio_init(&mmio, &backend.device, line) != VDEV_OK ||
        vdev_bus_init(&bus, &window, 1) != VDEV_OK || !guest_start(ram)) {
        return 1;
    }
    for (unsigned i = 0; i < 100 && !guest_run(interrupt); i++) {
        while (vdev_switch_poll(&ethernet)) {
        }
        vdev_net_poll(&network);
    }
    printf("%u frame out, %u in.\n", (unsigned)uplink.net.sent.frames,
           (unsigned)uplink.net.received.frames);
    return guest_run(false) && bus.unclaimed == 0 ? 0 : 1;
}
