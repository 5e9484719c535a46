/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anything that may happen to a switch, in an order that numbers from somewhere choose: a test's
 * generator or a fuzzer. After each step, and in the end, what must hold for every order is
 * checked: each frame completes once, each drop is counted once, nobody waits for what will not
 * come.
 */
#ifndef TESTS_SUPPORT_SWITCH_PLAY_H
#define TESTS_SUPPORT_SWITCH_PLAY_H

#include "switch_rig.h"

#define PLAY_MEMORY 3000u

struct play {
    struct rig rig;
    uint32_t (*below)(void *context, uint32_t most); /* a number */
    void *context;
    uint8_t memory[PLAY_MEMORY]; /* of all senders: it changes at any time */
    uint8_t network[RIG_UPLINKS][PLAY_MEMORY];
    uint32_t submitted[RIG_GUESTS];
    uint32_t arriving[RIG_UPLINKS]; /* length of a frame that is delivered slowly; 0: none */
};

static inline uint32_t play_number(struct play *play, uint32_t most)
{
    return play->below(play->context, most);
}

/* One of a few addresses: of a guest, of the network, of a group. */
static inline void play_address(struct play *play, uint8_t *address)
{
    uint32_t which = play_number(play, 12);

    rig_address(address, which);
    if (which >= RIG_GUESTS) {
        address[1] = 0x77;
    }
    if (which == 10) {
        memset(address, 0xff, VDEV_NET_ADDRESS_BYTES);
    } else if (which == 11) {
        address[0] |= 1;
    }
}

/* Headers of TCP over IPv4, which may then be spoilt. */
static inline void play_packet(struct play *play, uint8_t *bytes, uint32_t length)
{
    play_address(play, bytes);
    play_address(play, bytes + VDEV_NET_ADDRESS_BYTES);
    bytes[12] = 8;
    bytes[13] = 0;
    bytes[14] = 0x45;
    bytes[20] = 0;
    bytes[21] = 0;
    bytes[23] = 6;
    bytes[46] = 0x50;
    if (play_number(play, 4) == 0) {
        bytes[play_number(play, length)] = (uint8_t)play_number(play, 256);
    }
}

static inline struct vdev_net_offload play_offload(struct play *play)
{
    switch (play_number(play, 4)) {
    case 0:
        return (struct vdev_net_offload){.needs = VDEV_NET_CHECKSUM | VDEV_NET_TCP4,
                                         .segment_size = (uint16_t)(1 + play_number(play, 1400)),
                                         .checksum_start = 34,
                                         .checksum_offset = 16};
    case 1:
        return (struct vdev_net_offload){.needs = VDEV_NET_CHECKSUM,
                                         .checksum_start = (uint16_t)(14 + play_number(play, 200)),
                                         .checksum_offset = (uint16_t)play_number(play, 20)};
    default:
        return (struct vdev_net_offload){.needs = 0};
    }
}

static inline void play_submit(struct play *play)
{
    uint32_t index = play_number(play, RIG_GUESTS);
    uint32_t length = VDEV_NET_HEADER_BYTES + play_number(play, PLAY_MEMORY - 100);
    uint32_t at = play_number(play, 32);

    length = length < 64 ? 64 : length;
    play_packet(play, play->memory + at, length);
    if (play_number(play, 2) == 0) {
        rig_address(play->memory + at + VDEV_NET_ADDRESS_BYTES, index);
    }
    struct rig_frame *frame =
        rig_frame(&play->rig, play->memory + at, length, 1 + play_number(play, RIG_PIECES));
    frame->frame.offload = play_offload(play);
    if (rig_submit(&play->rig.guests[index], frame) == VDEV_OK) {
        play->submitted[index]++;
    }
}

static inline void play_arrive(struct play *play, uint32_t index)
{
    struct rig_uplink *uplink = &play->rig.uplinks[index];
    uint32_t length = 64 + play_number(play, PLAY_MEMORY - 200);

    if (play->arriving[index] != 0) {
        rig_arrive_end(uplink, play->network[index], play->arriving[index]);
        play->arriving[index] = 0;
        return;
    }
    play_packet(play, play->network[index], length);
    struct vdev_net_offload offload = play_offload(play);
    if (vdev_net_check(length, &offload, RIG_TAKES, PLAY_MEMORY) != VDEV_OK ||
        rig_arrive_begin(uplink, play->network[index], length, &offload) != VDEV_OK) {
        return;
    }
    play->arriving[index] = length;
}

static inline void play_step(struct play *play)
{
    struct rig *rig = &play->rig;
    struct rig_guest *guest = &rig->guests[play_number(play, RIG_GUESTS)];
    struct rig_uplink *uplink = &rig->uplinks[play_number(play, RIG_UPLINKS)];

    switch (play_number(play, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        play_submit(play);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        vdev_switch_poll(&rig->mux);
        break;
    case 8:
    case 9:
        if (uplink->held_count != 0) {
            rig_uplink_complete(uplink, play_number(play, uplink->held_count),
                                play_number(play, 4) == 0 ? VDEV_ERROR_IO : VDEV_OK);
        }
        break;
    case 10:
        rig_uplink_make_room(uplink, play_number(play, 8));
        break;
    case 11:
        guest->full = play_number(play, 3) == 0;
        guest->port.net.client.accepts = play_number(play, RIG_TAKES + 1);
        break;
    case 12:
        play->memory[play_number(play, 200)] = (uint8_t)play_number(play, 256);
        break;
    case 13:
        rig->now += (uint64_t)play_number(play, 1000) * RIG_SECOND / 10;
        break;
    case 14:
        if (play_number(play, 8) == 0) {
            vdev_switch_port_flush(play_number(play, 4) == 0 ? &uplink->port : &guest->port);
        } else {
            vdev_switch_port_set_link(&guest->port, play_number(play, 4) != 0);
        }
        break;
    default:
        play_arrive(play, play_number(play, RIG_UPLINKS));
        break;
    }
}

static inline void play_init(struct play *play)
{
    struct rig *rig = &play->rig;

    rig_init(rig);
    memset(play->submitted, 0, sizeof play->submitted);
    memset(play->arriving, 0, sizeof play->arriving);
    rig_add_uplink(rig, play_number(play, RIG_TAKES + 1), RIG_TAKES);
    rig_add_uplink(rig, 0, RIG_TAKES);
    for (uint32_t i = 0; i < RIG_GUESTS; i++) {
        struct vdev_switch_guest_configuration with = rig_guest_default(rig);
        with.pass_through = play_number(play, 2) == 0;
        with.unknown = play_number(play, 2) == 0;
        if (play_number(play, 3) == 0) {
            with.fixed = false;
            with.learned_maximum = play_number(play, 4);
        }
        with.group = (struct vdev_switch_limit){play_number(play, 100), 1 + play_number(play, 10)};
        rig_add_guest(rig, &with, play_number(play, RIG_TAKES + 1));
    }
}

/* Let all end, and count. */
static inline void play_finish(struct play *play)
{
    struct rig *rig = &play->rig;
    uint32_t learned[VDEV_SWITCH_PORTS] = {0};

    for (uint32_t i = 0; i < RIG_UPLINKS; i++) {
        rig_uplink_make_room(&rig->uplinks[i], RIG_DEPTH);
        if (play->arriving[i] != 0) {
            rig_arrive_end(&rig->uplinks[i], play->network[i], play->arriving[i]);
        }
    }
    for (bool more = true; more;) {
        rig_settle(rig);
        more = false;
        for (uint32_t i = 0; i < RIG_UPLINKS; i++) {
            while (rig->uplinks[i].held_count != 0) {
                rig_uplink_complete(&rig->uplinks[i], 0, VDEV_OK);
                more = true;
            }
        }
    }
    for (uint32_t i = 0; i < RIG_FRAMES; i++) {
        ck_assert(!rig->frames[i].busy);
    }
    for (uint32_t i = 0; i < RIG_ENTRIES; i++) {
        learned[rig->entries[i].port] += rig->entries[i].state == 1;
    }
    for (uint32_t i = 0; i < RIG_GUESTS; i++) {
        struct rig_guest *guest = &rig->guests[i];
        const struct vdev_net_direction *in = &guest->port.net.received;
        ck_assert(!vdev_switch_port_is_busy(&guest->port) && !guest->accepted);
        ck_assert_uint_eq(guest->port.net.sent.frames + rig_dropped(&guest->port.net.sent),
                          play->submitted[i]);
        ck_assert_uint_eq(in->frames, guest->received);
        ck_assert_uint_eq(in->frames + in->dropped[VDEV_NET_DROP_NO_ROOM], guest->asked);
        ck_assert_uint_eq(guest->bad, 0);
        ck_assert_uint_eq(learned[guest->port.index], guest->port.learned);
        ck_assert_uint_le(guest->port.learned, guest->port.learned_maximum);
    }
    for (uint32_t i = 0; i < RIG_UPLINKS; i++) {
        ck_assert(!vdev_switch_port_is_busy(&rig->uplinks[i].port));
        ck_assert_uint_eq(rig->uplinks[i].port.net.sent.frames, rig->uplinks[i].submitted);
        ck_assert_uint_eq(learned[rig->uplinks[i].port.index], rig->uplinks[i].port.learned);
    }
}

#endif
