/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network example's guest: the library's own driver of virtio network devices. It sends one
 * frame and waits for one. Any guest with such a driver would do.
 */
#include <stdio.h>
#include <string.h>

#include <vdev/frontends/net.h>
#include <vdev/status.h>
#include <vdev/virtio_mmio.h>

#include "guest.h"
#include "guest_board.h"

#define FRAMES 2u /* each way, at a time */

static const char greeting[] = "Hello from the guest.\n";
static const uint8_t peer[VDEV_NET_ADDRESS_BYTES] = {0x52, 0x54, 0, 0, 0, 2};

static struct vdev_virtio_mmio_driver transport;
static struct vdev_driver_slot receive_slots[GUEST_QUEUE], transmit_slots[GUEST_QUEUE];
static struct vdev_net_frontend_transmission transmissions[FRAMES];
static struct vdev_buffer received[FRAMES], pieces[2];
static struct vdev_net_frontend frontend;
static uint8_t answer[VDEV_NET_HEADER_BYTES + VDEV_NET_MTU + 1];
static bool told;

/* ---- the driver's client ---- */

static int accept(void *owner, const struct vdev_net_arrival *arrival, struct vdev_net_room *room)
{
    static const struct vdev_buffer buffer = {answer, sizeof answer - 1, VDEV_NO_BUS_ADDRESS};

    (void)owner;
    if (told || arrival->length > buffer.length) {
        return VDEV_ERROR_RANGE;
    }
    *room = (struct vdev_net_room){&buffer, 1};
    return VDEV_OK;
}

static void delivered(void *owner, int status)
{
    (void)owner;
    if (status == VDEV_OK) {
        told = true;
        printf("The guest was told: %s", (const char *)answer + VDEV_NET_HEADER_BYTES);
    }
}

static void complete(struct vdev_net_frame *frame, int status)
{
    (void)frame;
    (void)status;
}

static bool greet(uint8_t *ram)
{
    static struct vdev_buffer buffer;
    static struct vdev_net_frame frame = {.buffers = &buffer, .buffer_count = 1};

    buffer = guest_allocate(ram, VDEV_NET_HEADER_BYTES + sizeof greeting);
    uint8_t *bytes = buffer.pointer;
    memcpy(bytes, peer, sizeof peer);
    memcpy(bytes + 6, frontend.net.address, sizeof frontend.net.address);
    memcpy(bytes + 12, "\x88\xb5", 2); /* an EtherType for experiments [IEEE 802] */
    memcpy(bytes + VDEV_NET_HEADER_BYTES, greeting, sizeof greeting);
    frame.length = (uint32_t)buffer.length;
    frame.complete = complete;
    return vdev_net_submit(&frontend.net, &frame) == VDEV_OK;
}

bool guest_start(uint8_t *ram)
{
    static const uint64_t address = GUEST_NETWORK;
    static struct vdev_io io;

    io = guest_device(&address);
    if (vdev_virtio_mmio_driver_init(&transport, &io) != VDEV_OK) {
        return false;
    }
    const struct vdev_net_frontend_configuration configuration = {
        .transport = &transport.driver,
        .clock = &guest_clock,
        .receive_queue = guest_allocate_queue(ram, receive_slots),
        .transmit_queue = guest_allocate_queue(ram, transmit_slots),
        .queue_size = GUEST_QUEUE,
        .receive_memory = guest_allocate(ram, (size_t)FRAMES * VDEV_NET_FRONTEND_RECEIVE_BYTES),
        .receive_size = VDEV_NET_FRONTEND_RECEIVE_BYTES,
        .receive_count = FRAMES,
        .received = received,
        .transmissions = transmissions,
        .transmission_count = FRAMES,
        .headers = guest_allocate(ram, (size_t)FRAMES * VDEV_NET_FRONTEND_SLOT_BYTES),
        .pieces = pieces,
        .piece_count = 2,
    };
    if (vdev_net_frontend_init(&frontend, &configuration) != VDEV_OK) {
        return false;
    }
    frontend.net.client = (struct vdev_net_client){.accept = accept, .delivered = delivered};
    return greet(ram);
}

bool guest_run(bool interrupt)
{
    if (interrupt) {
        vdev_net_poll(&frontend.net);
    }
    return told && strcmp((const char *)answer + VDEV_NET_HEADER_BYTES, "Hello, guest.\n") == 0;
}
