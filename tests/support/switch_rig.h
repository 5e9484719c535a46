/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A switch with guests and uplinks that are the test's: each receiver's room is the test's to
 * choose, each uplink keeps what it is sent until it is told to complete it, and time stands still
 * unless it is moved. Used by tests and by the fuzz target, so it asserts only what must always
 * hold.
 */
#ifndef TESTS_SUPPORT_SWITCH_RIG_H
#define TESTS_SUPPORT_SWITCH_RIG_H

#include <stddef.h>
#include <string.h>

#include <check.h>

#include <vdev/mux/switch.h>
#include <vdev/status.h>

#define RIG_GUESTS  4u
#define RIG_UPLINKS 2u
#define RIG_ENTRIES 64u
#define RIG_FRAMES  512u
#define RIG_BYTES   70000u /* of a frame */
#define RIG_PIECES  8u     /* buffers of a frame */
#define RIG_SLOTS   4u
#define RIG_DEPTH   64u /* frames that an uplink holds */
#define RIG_QUEUE   8u
#define RIG_SECOND  1000000000u
#define RIG_TAKES   (VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP | VDEV_NET_ECN)

/* A back-end in the test's place: the client of a guest port. */
struct rig_guest {
    struct vdev_switch_port port;
    struct vdev_switch_slot slots[RIG_SLOTS];
    struct vdev_buffer pieces[(RIG_SLOTS + 1) * (RIG_PIECES + 1)];
    uint8_t room[RIG_BYTES];
    struct vdev_buffer buffers[3]; /* of the room */
    bool full;                     /* there is no room */
    int refusal;                   /* what else `accept` returns, or VDEV_OK */
    bool accepted;                 /* `delivered` has to come next */
    struct vdev_net_arrival arrival;
    uint32_t asked, received, bad, writable, changed; /* calls */
    void (*on_delivered)(struct rig_guest *guest);
};

/* A driver in the test's place. */
struct rig_uplink {
    struct vdev_net net;
    struct vdev_switch_port port;
    uint8_t bounce[RIG_BYTES];
    struct vdev_net_frame *held[RIG_DEPTH];
    uint32_t held_count;
    uint32_t depth; /* frames that it takes before it is full */
    int refusal;    /* what else `submit` returns, or VDEV_OK */
    bool starved;
    uint32_t submitted, resumed;
    struct vdev_net_room given; /* for the frame that came last */
    enum vdev_net_receive_mode mode;
};

/* A frame of a guest's. */
struct rig_frame {
    struct vdev_net_frame frame;
    struct vdev_buffer buffers[RIG_PIECES];
    bool busy;
    int status;
    uint32_t completions;
};

struct rig {
    struct vdev_switch mux;
    struct vdev_switch_entry entries[RIG_ENTRIES];
    struct vdev_clock clock;
    uint64_t now;
    uint32_t wakes;
    struct rig_guest guests[RIG_GUESTS];
    struct rig_uplink uplinks[RIG_UPLINKS];
    struct rig_frame frames[RIG_FRAMES];
    uint32_t guest_count, uplink_count;
};

/* ---- a guest ---- */

static inline int rig_accept(void *owner, const struct vdev_net_arrival *arrival,
                             struct vdev_net_room *room)
{
    struct rig_guest *guest = owner;

    ck_assert(!guest->accepted);
    ck_assert(arrival->length >= VDEV_NET_HEADER_BYTES);
    ck_assert((arrival->offload.needs & ~guest->port.net.client.accepts) == 0);
    guest->asked++;
    if (guest->full || guest->refusal != VDEV_OK) {
        return guest->full ? VDEV_ERROR_FULL : guest->refusal;
    }
    guest->accepted = true;
    guest->arrival = *arrival;
    /* In three pieces, none of which ends where a header does. */
    guest->buffers[0] = (struct vdev_buffer){guest->room, 5, VDEV_NO_BUS_ADDRESS};
    guest->buffers[1] = (struct vdev_buffer){guest->room + 5, 28, VDEV_NO_BUS_ADDRESS};
    guest->buffers[2] = (struct vdev_buffer){guest->room + 33, RIG_BYTES - 33, VDEV_NO_BUS_ADDRESS};
    room->buffers = guest->buffers;
    room->buffer_count = 3;
    return VDEV_OK;
}

static inline void rig_delivered(void *owner, int status)
{
    struct rig_guest *guest = owner;

    ck_assert(guest->accepted);
    guest->accepted = false;
    guest->received += status == VDEV_OK;
    guest->bad += status != VDEV_OK;
    if (status == VDEV_OK) {
        ck_assert(memcmp(guest->room, guest->arrival.header, VDEV_NET_HEADER_BYTES) == 0);
        if (guest->on_delivered != NULL) {
            guest->on_delivered(guest);
        }
    }
}

static inline void rig_guest_writable(void *owner)
{
    struct rig_guest *guest = owner;
    ck_assert(!guest->accepted);
    guest->writable++;
}

static inline void rig_guest_changed(void *owner)
{
    struct rig_guest *guest = owner;
    ck_assert(!guest->accepted);
    guest->changed++;
}

/* ---- an uplink ---- */

static inline struct rig_uplink *rig_uplink_of(struct vdev_net *net)
{
    return (struct rig_uplink *)((char *)net - offsetof(struct rig_uplink, net));
}

static inline int rig_uplink_submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    struct rig_uplink *uplink = rig_uplink_of(net);

    if (uplink->refusal != VDEV_OK) {
        return uplink->refusal;
    }
    int status = vdev_net_check(frame->length, &frame->offload, net->takes, net->mtu);
    if (status != VDEV_OK) {
        return status;
    }
    ck_assert(net->maximum_buffers == 0 || frame->buffer_count <= net->maximum_buffers);
    ck_assert(vdev_buffers_length(frame->buffers, frame->buffer_count) == frame->length);
    frame->next = NULL; /* the device's now */
    if (uplink->held_count >= uplink->depth) {
        uplink->starved = true;
        return VDEV_ERROR_FULL;
    }
    uplink->held[uplink->held_count++] = frame;
    uplink->submitted++;
    return VDEV_OK;
}

static inline void rig_uplink_resume(struct vdev_net *net)
{
    rig_uplink_of(net)->resumed++;
}

static inline int rig_uplink_mode(struct vdev_net *net, enum vdev_net_receive_mode mode)
{
    rig_uplink_of(net)->mode = mode;
    return VDEV_OK;
}

static const struct vdev_net_operations rig_uplink_operations = {
    .submit = rig_uplink_submit,
    .resume = rig_uplink_resume,
    .set_receive_mode = rig_uplink_mode,
};

/* Say that there is room, if that was waited for. */
static inline void rig_uplink_make_room(struct rig_uplink *uplink, uint32_t depth)
{
    uplink->depth = depth;
    if (uplink->starved && uplink->held_count < depth) {
        uplink->starved = false;
        uplink->net.client.writable(uplink->net.client.owner);
    }
}

/* Complete the frame at an index of those held, and say that there is room if that was waited for.
 */
static inline void rig_uplink_complete(struct rig_uplink *uplink, uint32_t index, int status)
{
    struct vdev_net_frame *frame = uplink->held[index];

    uplink->held_count--;
    memmove(uplink->held + index, uplink->held + index + 1,
            (uplink->held_count - index) * sizeof *uplink->held);
    frame->complete(frame, status);
    rig_uplink_make_room(uplink, uplink->depth);
}

/* The bytes of a frame that the uplink holds. */
static inline uint32_t rig_uplink_read(const struct rig_uplink *uplink, uint32_t index, void *bytes)
{
    const struct vdev_net_frame *frame = uplink->held[index];
    struct vdev_cursor cursor = vdev_cursor(frame->buffers, frame->buffer_count);

    return (uint32_t)vdev_cursor_read(&cursor, bytes, frame->length);
}

static inline int rig_arrive_begin(struct rig_uplink *uplink, const uint8_t *bytes, uint32_t length,
                                   const struct vdev_net_offload *offload)
{
    struct vdev_net_arrival arrival = {.length = length};

    if (offload != NULL) {
        arrival.offload = *offload;
    }
    memcpy(arrival.header, bytes, VDEV_NET_HEADER_BYTES);
    uplink->given = (struct vdev_net_room){NULL, 0};
    return uplink->net.client.accept(uplink->net.client.owner, &arrival, &uplink->given);
}

static inline void rig_arrive_end(struct rig_uplink *uplink, const uint8_t *bytes, uint32_t length)
{
    struct vdev_cursor cursor = vdev_cursor(uplink->given.buffers, uplink->given.buffer_count);

    ck_assert(vdev_cursor_write(&cursor, bytes, length) == length);
    uplink->net.client.delivered(uplink->net.client.owner, VDEV_OK);
}

/* A frame arrives from the network. Returns what `accept` did. */
static inline int rig_arrive(struct rig_uplink *uplink, const uint8_t *bytes, uint32_t length,
                             const struct vdev_net_offload *offload)
{
    int status = rig_arrive_begin(uplink, bytes, length, offload);

    if (status == VDEV_OK) {
        rig_arrive_end(uplink, bytes, length);
    }
    return status;
}

/* ---- all together ---- */

static inline uint64_t rig_now(void *context)
{
    return *(uint64_t *)context;
}

static inline void rig_wake(void *context)
{
    ++*(uint32_t *)context;
}

/* Guest n has 52:00:00:00:00:0n where its address is fixed. */
static inline void rig_address(uint8_t *address, uint32_t guest)
{
    memcpy(address, (uint8_t[]){0x52, 0, 0, 0, 0, (uint8_t)guest}, VDEV_NET_ADDRESS_BYTES);
}

static inline void rig_init_ageing(struct rig *rig, uint64_t ageing)
{
    memset(rig, 0, offsetof(struct rig, guests));
    for (uint32_t i = 0; i < RIG_FRAMES; i++) {
        rig->frames[i].busy = false;
    }
    rig->now = 12345;
    rig->clock = (struct vdev_clock){rig_now, &rig->now};
    rig->guest_count = rig->uplink_count = 0;
    ck_assert(vdev_switch_init(&rig->mux, &(struct vdev_switch_configuration){
                                              .entries = rig->entries,
                                              .entry_count = RIG_ENTRIES,
                                              .clock = &rig->clock,
                                              .ageing = ageing,
                                              .seed = 0x1234567,
                                              .wake = rig_wake,
                                              .wake_context = &rig->wakes,
                                          }) == VDEV_OK);
}

static inline void rig_init(struct rig *rig)
{
    rig_init_ageing(rig, 0);
}

static inline struct vdev_switch_guest_configuration rig_guest_default(struct rig *rig)
{
    struct rig_guest *guest = &rig->guests[rig->guest_count];
    struct vdev_switch_guest_configuration with = {
        .fixed = true,
        .queue_maximum = RIG_QUEUE,
        .slots = guest->slots,
        .slot_count = RIG_SLOTS,
        .pieces = guest->pieces,
        .piece_count = (RIG_SLOTS + 1) * (RIG_PIECES + 1),
    };

    rig_address(with.address, rig->guest_count);
    return with;
}

static inline struct rig_guest *
rig_add_guest(struct rig *rig, const struct vdev_switch_guest_configuration *with, uint32_t accepts)
{
    struct rig_guest *guest = &rig->guests[rig->guest_count];
    struct vdev_switch_guest_configuration plain = rig_guest_default(rig);

    memset(guest, 0, offsetof(struct rig_guest, room));
    memset((char *)guest + offsetof(struct rig_guest, buffers), 0,
           sizeof *guest - offsetof(struct rig_guest, buffers));
    ck_assert(vdev_switch_add_guest(&rig->mux, &guest->port, with != NULL ? with : &plain) ==
              VDEV_OK);
    guest->port.net.client = (struct vdev_net_client){
        .accept = rig_accept,
        .delivered = rig_delivered,
        .writable = rig_guest_writable,
        .changed = rig_guest_changed,
        .owner = guest,
        .accepts = accepts,
    };
    rig->guest_count++;
    return guest;
}

static inline struct rig_uplink *rig_add_uplink(struct rig *rig, uint32_t takes, uint32_t accepts)
{
    struct rig_uplink *uplink = &rig->uplinks[rig->uplink_count++];

    memset(uplink, 0, sizeof *uplink);
    uplink->net.operations = &rig_uplink_operations;
    uplink->net.mtu = VDEV_NET_MTU;
    uplink->net.takes = takes;
    uplink->net.link = true;
    uplink->depth = RIG_DEPTH;
    ck_assert(vdev_switch_add_uplink(
                  &rig->mux, &uplink->port,
                  &(struct vdev_switch_uplink_configuration){
                      .net = &uplink->net,
                      .bounce = {uplink->bounce, sizeof uplink->bounce, VDEV_NO_BUS_ADDRESS},
                      .accepts = accepts,
                      .learned_maximum = RIG_ENTRIES,
                  }) == VDEV_OK);
    return uplink;
}

static inline void rig_complete(struct vdev_net_frame *frame, int status)
{
    struct rig_frame *of = (struct rig_frame *)(void *)frame;

    ck_assert(of->busy);
    of->busy = false;
    of->status = status;
    of->completions++;
}

/* A frame of up to RIG_PIECES pieces of the bytes, which stay where they are. */
static inline struct rig_frame *rig_frame(struct rig *rig, const uint8_t *bytes, uint32_t length,
                                          uint32_t pieces)
{
    struct rig_frame *frame = rig->frames;
    uint32_t from = 0;

    while (frame->busy) {
        frame++;
        ck_assert(frame < rig->frames + RIG_FRAMES);
    }
    memset(frame, 0, sizeof *frame);
    for (uint32_t i = 0; i < pieces; i++) {
        uint32_t to = i + 1 == pieces ? length : length * (i + 1) / pieces;
        frame->buffers[i] =
            (struct vdev_buffer){(uint8_t *)(uintptr_t)bytes + from, to - from, 0x10000000u + from};
        from = to;
    }
    frame->frame = (struct vdev_net_frame){.buffers = frame->buffers,
                                           .buffer_count = pieces,
                                           .length = length,
                                           .complete = rig_complete};
    return frame;
}

/* Guest submits; the frame is busy if that went well. */
static inline int rig_submit(struct rig_guest *guest, struct rig_frame *frame)
{
    int status = vdev_net_submit(&guest->port.net, &frame->frame);

    frame->busy = status == VDEV_OK;
    return status;
}

/* Poll until there is nothing to do, which must come. Returns the calls. */
static inline uint32_t rig_settle(struct rig *rig)
{
    uint32_t calls = 1;

    while (vdev_switch_poll(&rig->mux)) {
        calls++;
        ck_assert(calls < 100000);
    }
    return calls;
}

static inline void rig_header(uint8_t *bytes, const uint8_t *to, const uint8_t *from)
{
    memcpy(bytes, to, VDEV_NET_ADDRESS_BYTES);
    memcpy(bytes + VDEV_NET_ADDRESS_BYTES, from, VDEV_NET_ADDRESS_BYTES);
    bytes[12] = 0x88;
    bytes[13] = 0xb5; /* for experiments [IEEE 802] */
}

/* All that was dropped in one direction. */
static inline uint32_t rig_dropped(const struct vdev_net_direction *direction)
{
    uint32_t sum = 0;

    for (unsigned reason = 0; reason < VDEV_NET_DROP_REASONS; reason++) {
        sum += direction->dropped[reason];
    }
    return sum;
}

#endif
