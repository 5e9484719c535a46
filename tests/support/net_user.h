/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A net front-end in a machine, and a program that sends and receives through it: what the tests of
 * the net front-end start from. Which device there is, is theirs to say.
 */
#ifndef SUPPORT_NET_USER_H
#define SUPPORT_NET_USER_H

#include "virtio_machine.h"

#include <linux/virtio_net.h>

#include <vdev/frontends/net.h>

#define QUEUE         32
#define CONTROL_QUEUE 4
#define TRANSMISSIONS 6
#define PIECES        10
#define RECEIVE_COUNT 8

static struct machine machine;
static struct vdev_net_frontend frontend;
static struct vdev_net_frontend_transmission transmissions[TRANSMISSIONS];
static struct vdev_driver_slot receive_slots[QUEUE], transmit_slots[QUEUE];
static struct vdev_driver_slot control_slots[CONTROL_QUEUE];
static struct vdev_buffer received_pieces[QUEUE], pieces[PIECES];
static struct vdev_net_frontend_configuration configuration;

/* ---- the client ---- */

static struct {
    struct vdev_net_arrival arrival; /* the last */
    uint8_t bytes[70000];
    struct vdev_buffer room[3];
    size_t room_count;
    int answer; /* of accept */
    unsigned asked, delivered, writable, changed;
    int status;           /* of the last delivery */
    bool stops_in_accept; /* stops the front-end from there */
    bool stops_in_changed;
    bool resumes_in_accept;
    void (*on_accept)(void);
} user;

static inline int user_accept(void *owner, const struct vdev_net_arrival *arrival,
                              struct vdev_net_room *room)
{
    ck_assert_ptr_eq(owner, &user);
    user.asked++;
    user.arrival = *arrival;
    if (user.stops_in_accept) {
        ck_assert_int_eq(vdev_net_frontend_stop(&frontend), VDEV_OK);
    }
    if (user.resumes_in_accept) {
        vdev_net_resume(&frontend.net);
    }
    if (user.on_accept != NULL) {
        user.on_accept();
    }
    *room = (struct vdev_net_room){user.room, user.room_count};
    return user.answer;
}

static inline void user_delivered(void *owner, int status)
{
    ck_assert_ptr_eq(owner, &user);
    user.delivered++;
    user.status = status;
}

static inline void user_writable(void *owner)
{
    ck_assert_ptr_eq(owner, &user);
    user.writable++;
}

static inline void user_changed(void *owner)
{
    ck_assert_ptr_eq(owner, &user);
    user.changed++;
    if (user.stops_in_changed) {
        ck_assert_int_eq(vdev_net_frontend_stop(&frontend), VDEV_OK);
    }
}

static inline void user_init(void)
{
    memset(&user, 0, sizeof user);
    memset(user.bytes, 0xEE, sizeof user.bytes);
    /* In pieces of odd lengths. */
    user.room[0] = (struct vdev_buffer){user.bytes, 5, VDEV_NO_BUS_ADDRESS};
    user.room[1] = (struct vdev_buffer){user.bytes + 5, 700, VDEV_NO_BUS_ADDRESS};
    user.room[2] =
        (struct vdev_buffer){user.bytes + 705, sizeof user.bytes - 705, VDEV_NO_BUS_ADDRESS};
    user.room_count = 3;
    frontend.net.client = (struct vdev_net_client){.accept = user_accept,
                                                   .delivered = user_delivered,
                                                   .writable = user_writable,
                                                   .changed = user_changed,
                                                   .owner = &user,
                                                   .accepts = UINT32_MAX};
}

/* ---- frames to send ---- */

struct outgoing {
    struct vdev_net_frame frame;
    struct vdev_buffer buffers[PIECES + 1];
    unsigned completed;
    int status;
    bool polls;             /* calls poll from inside the completion */
    bool stops;             /* stops the front-end from inside the completion */
    struct outgoing *again; /* submitted from inside the completion */
    int again_status;
};

static inline void on_complete(struct vdev_net_frame *frame, int status)
{
    struct outgoing *outgoing = frame->owner;

    outgoing->completed++;
    outgoing->status = status;
    if (outgoing->polls) {
        ck_assert(!vdev_net_poll(&frontend.net));
    }
    if (outgoing->stops) {
        ck_assert_int_eq(vdev_net_frontend_stop(&frontend), VDEV_OK);
    }
    if (outgoing->again != NULL) {
        outgoing->again_status = vdev_net_submit(&frontend.net, &outgoing->again->frame);
    }
}

/* A frame out of one buffer. */
static inline void make(struct outgoing *outgoing, struct vdev_buffer data)
{
    *outgoing = (struct outgoing){.buffers = {data}};
    outgoing->frame = (struct vdev_net_frame){
        .buffers = outgoing->buffers,
        .buffer_count = 1,
        .length = (uint32_t)data.length,
        .complete = on_complete,
        .owner = outgoing,
    };
}

static inline int send_frame(struct outgoing *outgoing, struct vdev_buffer data)
{
    make(outgoing, data);
    return vdev_net_submit(&frontend.net, &outgoing->frame);
}

#define ck_assert_ended(outgoing, expected)                                                        \
    do {                                                                                           \
        ck_assert_uint_eq((outgoing)->completed, 1);                                               \
        ck_assert_int_eq((outgoing)->status, (expected));                                          \
    } while (0)

/* A frame's content that says which frame and where. */
static inline void fill(uint8_t *bytes, size_t length, unsigned number)
{
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(number * 29 + i * 7 + (i >> 8) * 3 + 1);
    }
}

static inline bool holds(const uint8_t *bytes, size_t length, unsigned number)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != (uint8_t)(number * 29 + i * 7 + (i >> 8) * 3 + 1)) {
            return false;
        }
    }
    return true;
}

/* ---- the front-end ---- */

static inline void configure(struct vdev_virtio_driver *transport, uint32_t receive_size)
{
    configuration = (struct vdev_net_frontend_configuration){
        .transport = transport,
        .clock = &machine.clock.clock,
        .receive_queue = machine_queue_memory(&machine, QUEUE, 0, receive_slots),
        .transmit_queue = machine_queue_memory(&machine, QUEUE, PIECES, transmit_slots),
        .queue_size = QUEUE,
        .receive_memory = machine_allocate(&machine, (size_t)receive_size * RECEIVE_COUNT, 16),
        .receive_size = receive_size,
        .receive_count = RECEIVE_COUNT,
        .received = received_pieces,
        .merge = true,
        .accepts = VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP | VDEV_NET_ECN,
        .transmissions = transmissions,
        .transmission_count = TRANSMISSIONS,
        .headers = machine_allocate(&machine, TRANSMISSIONS * VDEV_NET_FRONTEND_SLOT_BYTES, 16),
        .pieces = pieces,
        .piece_count = PIECES,
        .control_queue = machine_queue_memory(&machine, CONTROL_QUEUE, 0, control_slots),
        .control_queue_size = CONTROL_QUEUE,
        .control = machine_allocate(&machine, VDEV_NET_FRONTEND_CONTROL_BYTES, 16),
        .address = {0x02, 0, 0, 0, 0, 0x55},
        .timeout_nanoseconds = 5000000,
    };
}

static inline void teardown(void)
{
    machine_finish(&machine);
}

#endif
