/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A user of a device of the net class, for tests of src/host: sends frames whose content follows
 * from length and number, takes what arrives or has no room, and counts what it is told.
 */
#ifndef SUPPORT_HOST_NET_USER_H
#define SUPPORT_HOST_NET_USER_H

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include <vdev/net.h>
#include <vdev/status.h>

struct net_watcher {
    struct vdev_net *net;
    unsigned frames, refused, completed, writable, changes;
    int status;        /* of the last completion */
    bool full;         /* has no room */
    bool ordered;      /* frame number n is checked against ... */
    bool lengths_vary; /* ... net_watcher_length(n), not the length that arrived */
    struct vdev_net_arrival arrival;
    uint8_t bytes[70000];
    struct vdev_buffer room[2];
};

static inline void net_watcher_fill(uint8_t *bytes, uint32_t length, unsigned number)
{
    for (uint32_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(i * 7 + number * 13 + (i >> 8));
    }
}

static inline uint32_t net_watcher_length(unsigned number)
{
    return 14 + number * 7919 % 1505;
}

static inline void net_watcher_expect(const struct net_watcher *user, uint32_t length,
                                      unsigned number)
{
    static uint8_t expected[70000];

    ck_assert_uint_eq(user->arrival.length, length);
    net_watcher_fill(expected, length, number);
    ck_assert_int_eq(memcmp(user->bytes, expected, length), 0);
    ck_assert_int_eq(memcmp(user->arrival.header, expected, VDEV_NET_HEADER_BYTES), 0);
}

static inline int net_watcher_accept(void *owner, const struct vdev_net_arrival *arrival,
                                     struct vdev_net_room *room)
{
    struct net_watcher *user = owner;

    if (user->full) {
        user->refused++;
        return VDEV_ERROR_FULL;
    }
    user->arrival = *arrival;
    /* In two pieces that do not end where anything does. */
    user->room[0] = (struct vdev_buffer){user->bytes, 9, VDEV_NO_BUS_ADDRESS};
    user->room[1] = (struct vdev_buffer){user->bytes + 9, arrival->length - 9, VDEV_NO_BUS_ADDRESS};
    *room = (struct vdev_net_room){user->room, 2};
    memset(user->bytes, 0xee, arrival->length);
    return VDEV_OK;
}

static inline void net_watcher_delivered(void *owner, int status)
{
    struct net_watcher *user = owner;

    ck_assert_int_eq(status, VDEV_OK);
    if (user->ordered) {
        net_watcher_expect(
            user, user->lengths_vary ? net_watcher_length(user->frames) : user->arrival.length,
            user->frames);
    }
    user->frames++;
}

static inline void net_watcher_writable(void *owner)
{
    ((struct net_watcher *)owner)->writable++;
}

static inline void net_watcher_changed(void *owner)
{
    ((struct net_watcher *)owner)->changes++;
}

static inline void net_watcher_init(struct net_watcher *user, struct vdev_net *net)
{
    memset(user, 0, sizeof *user);
    user->net = net;
    net->client = (struct vdev_net_client){
        .accept = net_watcher_accept,
        .delivered = net_watcher_delivered,
        .writable = net_watcher_writable,
        .changed = net_watcher_changed,
        .owner = user,
    };
}

struct net_watcher_frame {
    struct vdev_net_frame frame; /* first */
    struct vdev_buffer buffers[3];
    uint8_t bytes[]; /* of its own, so that who looks at it afterwards is found out */
};

static inline void net_watcher_complete(struct vdev_net_frame *frame, int status)
{
    struct net_watcher *user = frame->owner;

    user->completed++;
    user->status = status;
    free(frame);
}

static inline int net_watcher_submit_made(struct net_watcher *user, struct net_watcher_frame *made)
{
    made->frame.owner = user;
    made->frame.complete = net_watcher_complete;
    int status = vdev_net_submit(user->net, &made->frame);
    if (status != VDEV_OK) {
        free(made);
    }
    return status;
}

/* One buffer of the caller's. */
static inline int net_watcher_submit(struct net_watcher *user, const struct vdev_buffer *buffer,
                                     uint32_t length)
{
    struct net_watcher_frame *made = calloc(1, sizeof *made);

    made->frame = (struct vdev_net_frame){.buffers = buffer, .buffer_count = 1, .length = length};
    return net_watcher_submit_made(user, made);
}

/* In three buffers, one of them empty. */
static inline int net_watcher_send_with(struct net_watcher *user, uint32_t length, unsigned number,
                                        struct vdev_net_offload offload)
{
    struct net_watcher_frame *made = calloc(1, sizeof *made + length);

    net_watcher_fill(made->bytes, length, number);
    made->buffers[0] = (struct vdev_buffer){made->bytes, 13, VDEV_NO_BUS_ADDRESS};
    made->buffers[1] = (struct vdev_buffer){made->bytes, 0, VDEV_NO_BUS_ADDRESS};
    made->buffers[2] = (struct vdev_buffer){made->bytes + 13, length - 13, VDEV_NO_BUS_ADDRESS};
    made->frame = (struct vdev_net_frame){
        .buffers = made->buffers, .buffer_count = 3, .length = length, .offload = offload};
    return net_watcher_submit_made(user, made);
}

static inline int net_watcher_send(struct net_watcher *user, uint32_t length, unsigned number)
{
    return net_watcher_send_with(user, length, number, (struct vdev_net_offload){0});
}

#endif
