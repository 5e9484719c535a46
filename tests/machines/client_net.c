/* SPDX-License-Identifier: BSD-2-Clause */
/* A net front-end over messages, with all that it shares in the window; ARP and ICMP by hand. */
#include <stddef.h>

#include <vdev/frontends/net.h>
#include <vdev/net_offload.h>
#include <vdev/status.h>

#include "client_net.h"
#include "core/mem.h"

enum {
    QUEUE_SIZE = 16,
    RECEIVE_COUNT = 8,
    RECEIVE_SIZE = 1600,
    PIECES = 4,
    TYPE = 12,
    NETWORK = 14,
    TRANSPORT = 34,
    PAYLOAD = 42,
    WAITING = 1, /* no status is positive */
};
#define PATIENCE UINT64_C(1000000000) /* ns */
#define SHARED(array)                                                                              \
    {                                                                                              \
        array, sizeof(array), (uintptr_t)(array)                                                   \
    }

static uint8_t descriptors[2][QUEUE_SIZE * 16] WINDOW, driver_ring[2][64] WINDOW;
static uint8_t device_ring[2][6 + 8 * QUEUE_SIZE + 58] WINDOW;
static uint8_t received[RECEIVE_COUNT * RECEIVE_SIZE] WINDOW;
static uint8_t headers[VDEV_NET_FRONTEND_SLOT_BYTES] WINDOW;
static uint8_t sent[RECEIVE_SIZE] WINDOW;
static uint8_t arrived[RECEIVE_SIZE];
static uint32_t arrived_length;
static uint8_t server[VDEV_NET_ADDRESS_BYTES];
static struct vdev_net_frontend frontend;

static const uint8_t own_ip[4] = {10, 0, 2, 15}, server_ip[4] = {10, 0, 2, 2};

/* ---- the front-end's client: one frame at a time ---- */

static int accept(void *owner, const struct vdev_net_arrival *arrival, struct vdev_net_room *room)
{
    static struct vdev_buffer buffer;

    (void)owner;
    if (arrived_length != 0) {
        return VDEV_ERROR_FULL;
    }
    if (arrival->length > sizeof arrived) {
        return VDEV_ERROR_RANGE;
    }
    arrived_length = arrival->length;
    buffer = (struct vdev_buffer){arrived, sizeof arrived, VDEV_NO_BUS_ADDRESS};
    *room = (struct vdev_net_room){&buffer, 1};
    return VDEV_OK;
}

static void delivered(void *owner, int status)
{
    (void)owner;
    arrived_length = status == VDEV_OK ? arrived_length : 0;
}

int net_open(struct port *port)
{
    static struct vdev_driver_slot slots[2][QUEUE_SIZE];
    static struct vdev_net_frontend_transmission transmissions[1];
    static struct vdev_buffer pieces[PIECES], buffers[RECEIVE_COUNT];
    struct vdev_driver_queue_memory queues[2];

    for (unsigned i = 0; i < 2; i++) {
        queues[i] = (struct vdev_driver_queue_memory){.descriptors = SHARED(descriptors[i]),
                                                      .driver = SHARED(driver_ring[i]),
                                                      .device = SHARED(device_ring[i]),
                                                      .slots = slots[i]};
    }
    const struct vdev_net_frontend_configuration configuration = {
        .transport = &port->device.driver,
        .clock = &machine_clock,
        .receive_queue = queues[0],
        .transmit_queue = queues[1],
        .queue_size = QUEUE_SIZE,
        .receive_memory = SHARED(received),
        .receive_size = RECEIVE_SIZE,
        .receive_count = RECEIVE_COUNT,
        .received = buffers,
        .transmissions = transmissions,
        .transmission_count = 1,
        .headers = SHARED(headers),
        .pieces = pieces,
        .piece_count = PIECES,
        .address = {2, 0, 0, 0, 0, 1},
        .timeout_nanoseconds = PATIENCE,
    };
    int status = vdev_net_frontend_init(&frontend, &configuration);

    frontend.net.client = (struct vdev_net_client){.accept = accept, .delivered = delivered};
    return status;
}

uint32_t net_restarts(void)
{
    return frontend.restarts.all;
}

/* ---- frames ---- */

static void complete(struct vdev_net_frame *frame, int status)
{
    *(int *)frame->owner = status;
}

/* Sends what lies in `sent`, and waits until `is_answer` likes a frame that came. */
static bool exchange(uint32_t length, bool (*is_answer)(uint32_t length))
{
    const struct vdev_buffer buffer = {sent, length, (uintptr_t)sent};
    uint64_t end = vdev_clock_now(&machine_clock) + PATIENCE;
    int result = WAITING;
    struct vdev_net_frame frame = {.buffers = &buffer,
                                   .buffer_count = 1,
                                   .length = length,
                                   .complete = complete,
                                   .owner = &result};

    if (vdev_net_submit(&frontend.net, &frame) != VDEV_OK) {
        return false;
    }
    bool answered = false;
    while (result == WAITING || !answered) {
        bool more = vdev_net_poll(&frontend.net);
        if (arrived_length != 0) {
            answered |= is_answer(length);
            arrived_length = 0;
            vdev_net_resume(&frontend.net);
        } else if (vdev_clock_now(&machine_clock) > end && result != WAITING) {
            return false;
        } else if (!more && (result == WAITING || !answered)) {
            rest(10000000);
        }
    }
    return result == VDEV_OK;
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_sum(uint8_t *at, void *bytes, size_t length)
{
    struct vdev_buffer buffer = {bytes, length, VDEV_NO_BUS_ADDRESS};
    struct vdev_cursor cursor = vdev_cursor(&buffer, 1);
    uint16_t sum = (uint16_t)~vdev_net_sum(&cursor, length, 0);

    memcpy(at, &sum, 2);
}

static bool is_arp_answer(uint32_t length)
{
    (void)length;
    if (arrived_length < 42 || memcmp(arrived + TYPE, "\x08\x06", 2) != 0 ||
        memcmp(arrived + NETWORK + 14, server_ip, 4) != 0) {
        return false;
    }
    memcpy(server, arrived + NETWORK + 8, sizeof server);
    return true;
}

static bool ask_address(void)
{
    static const uint8_t question[] = {0, 1, 8, 0, 6, 4, 0, 1}; /* [RFC 826] */

    memset(sent, 0, 60);
    memset(sent, 0xff, 6);
    memcpy(sent + 6, frontend.net.address, 6);
    put16(sent + TYPE, 0x0806);
    memcpy(sent + NETWORK, question, sizeof question);
    memcpy(sent + NETWORK + 8, frontend.net.address, 6);
    memcpy(sent + NETWORK + 14, own_ip, 4);
    memcpy(sent + NETWORK + 24, server_ip, 4);
    return exchange(60, is_arp_answer);
}

static bool is_echo(uint32_t length)
{
    return arrived_length >= length && memcmp(arrived + TYPE, "\x08\x00", 2) == 0 &&
           arrived[NETWORK + 9] == 1 && arrived[TRANSPORT] == 0 &&
           memcmp(arrived + TRANSPORT + 4, sent + TRANSPORT + 4, length - TRANSPORT - 4) == 0;
}

static bool ping(uint32_t number, uint32_t bytes)
{
    memcpy(sent, server, 6);
    memcpy(sent + 6, frontend.net.address, 6);
    put16(sent + TYPE, 0x0800);
    memset(sent + NETWORK, 0, PAYLOAD - NETWORK);
    sent[NETWORK] = 0x45;
    put16(sent + NETWORK + 2, PAYLOAD - NETWORK + bytes);
    sent[NETWORK + 8] = 64;
    sent[NETWORK + 9] = 1;
    memcpy(sent + NETWORK + 12, own_ip, 4);
    memcpy(sent + NETWORK + 16, server_ip, 4);
    put_sum(sent + NETWORK + 10, sent + NETWORK, 20);
    sent[TRANSPORT] = 8; /* echo request [RFC 792] */
    put16(sent + TRANSPORT + 6, number);
    for (uint32_t i = 0; i < bytes; i++) {
        sent[PAYLOAD + i] = (uint8_t)(number * 37 + i * 11 + (i >> 8));
    }
    put_sum(sent + TRANSPORT + 2, sent + TRANSPORT, 8 + bytes);
    return exchange(PAYLOAD + bytes, is_echo);
}

uint32_t net_ping(uint32_t count)
{
    uint32_t good = 0;

    if (!ask_address()) {
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        good += ping(i, 18 + i * 97 % 1455);
    }
    return good;
}
