/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The test's end of a net device: what its user sends is kept until the test lets it complete, and
 * must be the same then; what the test has arrive goes into the room that the user gives.
 */
#ifndef TESTS_SUPPORT_WIRE_H
#define TESTS_SUPPORT_WIRE_H

#include <check.h>
#include <string.h>

#include <vdev/net.h>
#include <vdev/status.h>

#define WIRE_BYTES 2048u
#define WIRE_DEPTH 64u

struct wire {
    struct vdev_net net;
    struct vdev_net_frame *held[WIRE_DEPTH]; /* oldest first */
    uint8_t copies[WIRE_DEPTH][WIRE_BYTES];
    uint32_t held_count;
    uint32_t depth; /* frames that it takes before it is full */
    int refusal;    /* what else `submit` returns, or VDEV_OK */
    int outcome;    /* what frames complete with */
    bool starved;   /* `writable` is owed */
    bool in_submit;
    uint32_t submitted, completed;
    uint32_t last_length; /* of the frame that was submitted last, and itself */
    uint8_t last[WIRE_BYTES];
    enum vdev_net_receive_mode mode;
    struct vdev_net_room room; /* that the client gave last */
    struct vdev_net_arrival arrival;
};

static inline struct wire *wire_of(struct vdev_net *net)
{
    return (struct wire *)(void *)net;
}

static inline int wire_submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    struct wire *wire = wire_of(net);
    int status = vdev_net_check(frame->length, &frame->offload, net->takes, net->mtu);

    ck_assert(!wire->in_submit);
    ck_assert_uint_eq(vdev_buffers_length(frame->buffers, frame->buffer_count), frame->length);
    for (uint32_t i = 0; i < wire->held_count; i++) {
        ck_assert(wire->held[i] != frame);
    }
    if (status != VDEV_OK) {
        return status;
    }
    if (wire->refusal != VDEV_OK) {
        return wire->refusal;
    }
    if (wire->held_count >= wire->depth) {
        wire->starved = true;
        return VDEV_ERROR_FULL;
    }
    wire->in_submit = true;
    struct vdev_cursor cursor = vdev_cursor(frame->buffers, frame->buffer_count);
    wire->last_length = (uint32_t)vdev_cursor_read(&cursor, wire->last, WIRE_BYTES);
    memcpy(wire->copies[wire->held_count], wire->last, WIRE_BYTES);
    wire->held[wire->held_count++] = frame;
    wire->submitted++;
    wire->in_submit = false;
    return VDEV_OK;
}

/* One frame, which is still what it was; then those who wait. */
static inline bool wire_poll(struct vdev_net *net)
{
    struct wire *wire = wire_of(net);

    if (wire->held_count != 0) {
        struct vdev_net_frame *frame = wire->held[0];
        uint8_t now[WIRE_BYTES];
        struct vdev_cursor cursor = vdev_cursor(frame->buffers, frame->buffer_count);
        ck_assert_uint_eq(vdev_cursor_read(&cursor, now, WIRE_BYTES), frame->length);
        ck_assert(memcmp(now, wire->copies[0], frame->length) == 0);
        wire->held_count--;
        memmove(wire->held, wire->held + 1, wire->held_count * sizeof *wire->held);
        memmove(wire->copies, wire->copies + 1, wire->held_count * WIRE_BYTES);
        wire->completed++;
        frame->complete(frame, wire->outcome);
    }
    if (wire->starved && wire->held_count < wire->depth) {
        wire->starved = false;
        net->client.writable(net->client.owner);
    }
    return wire->held_count != 0;
}

static inline int wire_set_receive_mode(struct vdev_net *net, enum vdev_net_receive_mode mode)
{
    wire_of(net)->mode = mode;
    return VDEV_OK;
}

static inline void wire_init(struct wire *wire, const uint8_t *address)
{
    static const struct vdev_net_operations operations = {
        .submit = wire_submit, .poll = wire_poll, .set_receive_mode = wire_set_receive_mode};

    memset(wire, 0, sizeof *wire);
    wire->net.operations = &operations;
    wire->net.mtu = VDEV_NET_MTU;
    wire->net.link = true;
    wire->depth = WIRE_DEPTH;
    memcpy(wire->net.address, address, VDEV_NET_ADDRESS_BYTES);
}

static inline void wire_drain(struct wire *wire)
{
    while (wire_poll(&wire->net)) {
    }
}

/* The client is asked whether it wants the frame; it is not delivered yet. */
static inline int wire_offer(struct wire *wire, const uint8_t *frame, uint32_t length)
{
    struct vdev_net_client *client = &wire->net.client;

    wire->arrival = (struct vdev_net_arrival){.length = length};
    memcpy(wire->arrival.header, frame, VDEV_NET_HEADER_BYTES);
    int status = client->accept(client->owner, &wire->arrival, &wire->room);
    if (status == VDEV_OK) {
        ck_assert(vdev_buffers_length(wire->room.buffers, wire->room.buffer_count) >= length);
    }
    return status;
}

static inline void wire_put(struct wire *wire, const uint8_t *frame, int status)
{
    struct vdev_cursor cursor = vdev_cursor(wire->room.buffers, wire->room.buffer_count);

    ck_assert_uint_eq(vdev_cursor_write(&cursor, frame, wire->arrival.length),
                      wire->arrival.length);
    wire->net.client.delivered(wire->net.client.owner, status);
}

/* A frame arrives, whole. */
static inline int wire_arrive(struct wire *wire, const uint8_t *frame, uint32_t length)
{
    int status = wire_offer(wire, frame, length);

    if (status == VDEV_OK) {
        wire_put(wire, frame, VDEV_OK);
    }
    return status;
}

static inline void wire_set_link(struct wire *wire, bool link)
{
    wire->net.link = link;
    wire->net.client.changed(wire->net.client.owner);
}

#endif
