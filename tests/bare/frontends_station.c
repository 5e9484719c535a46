/* SPDX-License-Identifier: BSD-2-Clause */
/* The station's front-end with its memory, its client, and the frames that it makes and looks at.
 */
#include <stddef.h>

#include <vdev/frontends/layout.h>
#include <vdev/net_offload.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "frontends_station.h"
#include "runtime/runtime.h"

#define QUEUE_SIZE     16u
#define CONTROL_SIZE   4u
#define RECEIVE_COUNT  8u
#define RECEIVE_SIZE   2048u
#define PIECES         8u
#define INDIRECT_COUNT 8u

/* The device sees its memory at the same addresses. */
static _Alignas(VDEV_FRONTEND_ALIGNMENT) uint8_t shared[24 * 1024], own[4096];

/* ---- the client: one frame at a time; the next is kept meanwhile ---- */

struct station station;
static struct vdev_buffer arrived_room;

static int accept(void *owner, const struct vdev_net_arrival *arrival, struct vdev_net_room *room)
{
    (void)owner;
    if (station.arrived_length != 0) {
        station.was_full = true;
        return VDEV_ERROR_FULL;
    }
    if (arrival->length > sizeof station.arrived) {
        return VDEV_ERROR_RANGE;
    }
    station.arrived_length = arrival->length;
    arrived_room =
        (struct vdev_buffer){station.arrived, sizeof station.arrived, VDEV_NO_BUS_ADDRESS};
    *room = (struct vdev_net_room){&arrived_room, 1};
    return VDEV_OK;
}

static void delivered(void *owner, int status)
{
    (void)owner;
    if (status != VDEV_OK) {
        station.arrived_length = 0;
    }
}

static void changed(void *owner)
{
    (void)owner;
    station.changes++;
}

void station_done_with_arrived(void)
{
    station.arrived_length = 0;
    vdev_net_resume(&station.frontend.net);
}

int station_start(struct vdev_virtio_mmio_driver *mmio, bool plain)
{
    struct vdev_frontend_memory memory = {{shared, sizeof shared, (uintptr_t)shared},
                                          {own, sizeof own, VDEV_NO_BUS_ADDRESS}};
    struct vdev_net_frontend_configuration configuration = {
        .transport = &mmio->driver,
        .clock = &bare_clock,
        .transmit_queue = {.indirect_count = plain ? 0 : INDIRECT_COUNT},
        .queue_size = QUEUE_SIZE,
        .receive_size = plain ? RECEIVE_SIZE : 512, /* full-size frames lie in three */
        .receive_count = RECEIVE_COUNT,
        .merge = !plain,
        .accepts = VDEV_NET_CHECKSUM,
        .transmission_count = STATION_TRANSMISSIONS,
        .piece_count = PIECES,
        .control_queue_size = plain ? 0 : CONTROL_SIZE,
        .address = {0x02, 0, 0, 0, 0, 1},
        .timeout_nanoseconds = STATION_PATIENCE,
    };
    int status = vdev_net_frontend_lay_out(&configuration, &memory);
    if (status == VDEV_OK) {
        status = vdev_net_frontend_init(&station.frontend, &configuration);
    }
    station.frontend.net.client = (struct vdev_net_client){
        .accept = accept, .delivered = delivered, .changed = changed, .accepts = VDEV_NET_CHECKSUM};
    station.arrived_length = 0;
    station.was_full = false;
    return status;
}

/* ---- sending ---- */

static struct sending sendings[STATION_TRANSMISSIONS];

static void completed(struct vdev_net_frame *frame, int status)
{
    ((struct sending *)frame->owner)->result = status;
}

/* As one buffer, or in five of which three are odd. */
int station_submit(struct sending *sending, uint32_t length, bool scattered)
{
    static const uint32_t cuts[] = {0, 13, 14, 35, 42};
    size_t count = scattered ? 5 : 1;

    for (size_t i = 0; i < count; i++) {
        uint32_t end = i + 1 < count ? cuts[i + 1] : length;
        sending->buffers[i] = (struct vdev_buffer){sending->bytes + cuts[i], end - cuts[i],
                                                   (uintptr_t)sending->bytes + cuts[i]};
    }
    sending->frame = (struct vdev_net_frame){.buffers = sending->buffers,
                                             .buffer_count = count,
                                             .length = length,
                                             .complete = completed,
                                             .owner = sending};
    sending->result = STATION_WAITING;
    int status = vdev_net_submit(&station.frontend.net, &sending->frame);
    if (status != VDEV_OK) {
        sending->result = status;
    }
    return status;
}

/* A sending that is free, polling until there is one; the front-end's time-out ends this. */
struct sending *station_next_sending(void)
{
    for (;;) {
        for (size_t i = 0; i < STATION_TRANSMISSIONS; i++) {
            if (sendings[i].result != STATION_WAITING) {
                return &sendings[i];
            }
        }
        vdev_net_poll(&station.frontend.net);
    }
}

bool station_all_sent(void)
{
    bool good = true;

    for (size_t i = 0; i < STATION_TRANSMISSIONS; i++) {
        while (sendings[i].result == STATION_WAITING) {
            vdev_net_poll(&station.frontend.net);
        }
        good &= sendings[i].result == VDEV_OK;
    }
    return good;
}

/* ---- frames ---- */

uint16_t station_sum(const void *bytes, size_t length, uint16_t sum)
{
    struct vdev_buffer buffer = {(void *)(uintptr_t)bytes, length, VDEV_NO_BUS_ADDRESS};
    struct vdev_cursor cursor = vdev_cursor(&buffer, 1);
    return vdev_net_sum(&cursor, length, sum);
}

void station_put_sum(uint8_t *at, uint16_t sum)
{
    sum = (uint16_t)~sum;
    memcpy(at, &sum, 2);
}

void station_put_ethernet(uint8_t *frame, const uint8_t *to, uint32_t type)
{
    memcpy(frame, to, VDEV_NET_ADDRESS_BYTES);
    memcpy(frame + 6, station.frontend.net.address, VDEV_NET_ADDRESS_BYTES);
    put16(frame + TYPE, type);
}

/* All before the payload but the transport's header; `length` is the payload's. */
void station_put_network(uint8_t *frame, uint8_t protocol, uint32_t length)
{
    uint8_t *network = frame + NETWORK;

    station_put_ethernet(frame, station.server_address, 0x0800);
    memset(network, 0, 20);
    network[0] = 0x45;
    put16(network + 2, PAYLOAD - NETWORK + length);
    network[8] = 64;
    network[9] = protocol;
    memcpy(network + 12, STATION_ADDRESS, 4);
    memcpy(network + 16, STATION_SERVER, 4);
    station_put_sum(network + 10, station_sum(network, 20, 0));
}

uint16_t station_udp_sum(const uint8_t *frame, uint32_t length)
{
    uint8_t pseudo[12] = {0};

    memcpy(pseudo, frame + NETWORK + 12, 8);
    pseudo[9] = UDP;
    put16(pseudo + 10, 8 + length);
    return station_sum(frame + TRANSPORT, 8 + length, station_sum(pseudo, sizeof pseudo, 0));
}

/* Is it an IPv4 packet for us, of this protocol, whole and with the sums that it should have? */
bool station_is_for_us(uint8_t protocol, uint32_t *payload)
{
    const uint8_t *network = station.arrived + NETWORK;

    if (station.arrived_length < PAYLOAD || get16(station.arrived + TYPE) != 0x0800 ||
        network[0] != 0x45 || network[9] != protocol ||
        memcmp(network + 12, STATION_SERVER, 4) != 0 ||
        memcmp(network + 16, STATION_ADDRESS, 4) != 0 ||
        !vdev_net_same_address(station.arrived, station.frontend.net.address) ||
        get16(network + 2) < PAYLOAD - NETWORK ||
        get16(network + 2) + NETWORK > station.arrived_length) {
        return false;
    }
    *payload = get16(network + 2) + NETWORK - PAYLOAD;
    uint16_t sum = protocol == UDP ? station_udp_sum(station.arrived, *payload)
                                   : station_sum(station.arrived + TRANSPORT, 8 + *payload, 0);
    return station_sum(network, 20, 0) == 0xffff && sum == 0xffff;
}

/* Polls until a frame is there, at most until the patience from `since` on is at its end. */
bool station_wait_for_frame(uint64_t since)
{
    while (station.arrived_length == 0) {
        vdev_net_poll(&station.frontend.net);
        if (vdev_clock_now(&bare_clock) - since > STATION_PATIENCE) {
            return false;
        }
    }
    return true;
}

bool station_wait_for(const bool *flag)
{
    uint64_t since = vdev_clock_now(&bare_clock);

    while (!*(const volatile bool *)flag) {
        vdev_net_poll(&station.frontend.net);
        if (vdev_clock_now(&bare_clock) - since > STATION_PATIENCE) {
            return false;
        }
    }
    return true;
}
