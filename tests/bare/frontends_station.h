/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A station on QEMU's user network 10.0.2.0/24: a net front-end, a client that takes one frame at a
 * time and keeps the next waiting, and as much of IPv4 as its tests need.
 */
#ifndef BARE_FRONTENDS_STATION_H
#define BARE_FRONTENDS_STATION_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/frontends/net.h>
#include <vdev/virtio_mmio.h>

#define STATION_PATIENCE      10000000000u /* nanoseconds */
#define STATION_TRANSMISSIONS 4u           /* frames on their way at a time */

/* Where fields begin in a frame. */
#define TYPE      12u
#define NETWORK   14u
#define TRANSPORT 34u
#define PAYLOAD   42u /* of ICMP and UDP alike */

#define ICMP 1u
#define UDP  17u

static const uint8_t STATION_ADDRESS[4] = {10, 0, 2, 15};
static const uint8_t STATION_SERVER[4] = {10, 0, 2, 2};

struct station {
    struct vdev_net_frontend frontend;
    uint8_t arrived[VDEV_NET_FRONTEND_RECEIVE_BYTES];
    uint32_t arrived_length; /* 0: none */
    bool was_full;           /* a frame was kept */
    uint32_t changes;
    uint8_t server_address[VDEV_NET_ADDRESS_BYTES];
};

extern struct station station;

#define STATION_WAITING 1 /* no status is positive */

struct sending {
    struct vdev_net_frame frame;
    struct vdev_buffer buffers[5];
    int result;
    uint8_t bytes[VDEV_NET_FRONTEND_RECEIVE_BYTES];
};

/* `plain`: without merging, indirect descriptors and a control queue. As vdev_net_frontend_init. */
int station_start(struct vdev_virtio_mmio_driver *mmio, bool plain);

/* Polls until a frame is there, or until the patience from `since` on is at its end; false then. */
bool station_wait_for_frame(uint64_t since);

/* Polls until *flag is set; false: the patience was at its end. */
bool station_wait_for(const bool *flag);

/* Has looked at the frame that is there: the next may come. */
void station_done_with_arrived(void);

/* One that is free, after polling until there is; the front-end's time-out ends this. */
struct sending *station_next_sending(void);

/* The first `length` bytes of it: as one buffer, or in five of which three are odd. */
int station_submit(struct sending *sending, uint32_t length, bool scattered);

/* Polls until all have completed; true: well. */
bool station_all_sent(void);

void station_put_ethernet(uint8_t *frame, const uint8_t *to, uint32_t type);

/* All before the payload to the server but the transport's header; `length` is the payload's. */
void station_put_network(uint8_t *frame, uint8_t protocol, uint32_t length);

/* The ones' complement sum, and where it goes in its complement. */
uint16_t station_sum(const void *bytes, size_t length, uint16_t sum);
void station_put_sum(uint8_t *at, uint16_t sum);
uint16_t station_udp_sum(const uint8_t *frame, uint32_t length);

/* Is what arrived a packet from the server to us, whole and with the sums that it should have? */
bool station_is_for_us(uint8_t protocol, uint32_t *payload);

static inline void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

#endif
