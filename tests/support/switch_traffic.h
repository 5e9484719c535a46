/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short frames between the guests and uplinks of one rig, for tests that count them. State of one
 * test program.
 */
#ifndef TESTS_SUPPORT_SWITCH_TRAFFIC_H
#define TESTS_SUPPORT_SWITCH_TRAFFIC_H

#include "switch_rig.h"

#define LENGTH 100u

static struct rig rig;
static uint8_t bytes[RIG_BYTES];

static const uint8_t everybody[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t group[] = {0x33, 0x33, 0, 0, 0, 1};
static const uint8_t outside[] = {0x00, 0x1b, 0x21, 0xaa, 0xbb, 0xcc};

static inline void setup(void)
{
    rig_init(&rig);
}

static inline const uint8_t *address(uint32_t guest)
{
    static uint8_t addresses[8][VDEV_NET_ADDRESS_BYTES];
    rig_address(addresses[guest], guest);
    return addresses[guest];
}

/* Each frame has memory of its own, since many wait at a time. To be submitted before the next. */
static inline struct rig_frame *frame_to(const uint8_t *to, const uint8_t *from)
{
    static uint8_t memory[RIG_FRAMES][LENGTH];
    struct rig_frame *frame = rig_frame(&rig, memory[0], LENGTH, 2);
    uint8_t *at = memory[frame - rig.frames];

    rig_header(at, to, from);
    frame->buffers[0].pointer = at;
    frame->buffers[1].pointer = at + LENGTH / 2;
    return frame;
}

static inline int submit(struct rig_guest *guest, const uint8_t *to, const uint8_t *from)
{
    return rig_submit(guest, frame_to(to, from));
}

static inline int arrive(struct rig_uplink *uplink, const uint8_t *to, const uint8_t *from)
{
    rig_header(bytes, to, from);
    return rig_arrive(uplink, bytes, LENGTH, NULL);
}

#endif
