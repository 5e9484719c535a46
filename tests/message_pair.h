/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two sides of a message link in one thread, for tests: the memory between them, a doorbell each,
 * and a clock. What is behind the sides is the test's: our own ends, or a peer that sends whatever
 * it is told to.
 */
#ifndef MESSAGE_PAIR_H
#define MESSAGE_PAIR_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include <vdev/status.h>
#include <vdev/testing/clock.h>
#include <vdev/virtio_message.h>

#include "transport/message.h"

#define PAIR_CAPACITY 16u
#define PAIR_TIMEOUT  1000000000ull

struct pair_side {
    struct vdev_message_link link;
    unsigned rung;                  /* by the other side */
    void (*on_rung)(void *context); /* called at once; or NULL */
    void *context;
};

struct pair {
    uint8_t *fifos[2]; /* from driver to device, and back */
    uint32_t capacity;
    struct pair_side driver, device;
    struct vdev_virtual_clock clock;
    struct vdev_virtio_message_driver_bus drivers;
    struct vdev_virtio_message_device_bus devices;
    unsigned idled;
    void (*on_idle)(struct pair *pair); /* what happens while the driver's end waits */
};

static inline void pair_ring(void *context)
{
    struct pair_side *side = context;

    side->rung++;
    if (side->on_rung != NULL) {
        side->on_rung(side->context);
    }
}

static inline void pair_init_side(struct pair *pair, struct pair_side *side,
                                  struct pair_side *other, unsigned out)
{
    ck_assert_int_eq(vdev_message_link_init(&side->link,
                                            &(struct vdev_message_link_configuration){
                                                .out = pair->fifos[out],
                                                .in = pair->fifos[1 - out],
                                                .capacity = pair->capacity,
                                                .ring = pair_ring,
                                                .context = other,
                                            }),
                     VDEV_OK);
}

static inline void pair_idle(void *context)
{
    struct pair *pair = context;

    pair->idled++;
    if (pair->on_idle != NULL) {
        pair->on_idle(pair);
    }
}

static inline void pair_init(struct pair *pair, uint32_t capacity)
{
    memset(pair, 0, sizeof *pair);
    pair->capacity = capacity;
    for (unsigned i = 0; i < 2; i++) {
        size_t bytes = vdev_message_fifo_bytes(capacity);
        pair->fifos[i] = aligned_alloc(64, bytes);
        memset(pair->fifos[i], 0, bytes);
    }
    pair_init_side(pair, &pair->driver, &pair->device, 0);
    pair_init_side(pair, &pair->device, &pair->driver, 1);
    vdev_virtual_clock_init(&pair->clock, 1000, 0);
    vdev_virtio_message_driver_bus_init(&pair->drivers, &pair->driver.link,
                                        &(struct vdev_virtio_message_wait){
                                            .clock = &pair->clock.clock,
                                            .nanoseconds = PAIR_TIMEOUT,
                                            .idle = pair_idle,
                                            .context = pair,
                                        });
    vdev_virtio_message_device_bus_init(&pair->devices, &pair->device.link);
}

static inline void pair_finish(struct pair *pair)
{
    free(pair->fifos[0]);
    free(pair->fifos[1]);
}

/* A word of a FIFO, as the other side might write it: of 0 the count sent, of 64 the count
 * received, of 68 of which message to be told. */
static inline uint32_t *pair_word(struct pair *pair, unsigned fifo, unsigned offset)
{
    return (uint32_t *)(void *)(pair->fifos[fifo] + offset);
}

/* The device's end polled until it is idle, as by a driver VM whose doorbell rings. */
static inline void pair_poll_devices(void *context)
{
    struct pair *pair = context;

    for (unsigned i = 0; vdev_virtio_message_device_bus_poll(&pair->devices); i++) {
        ck_assert_uint_lt(i, 1000);
    }
}

/* Messages of a peer that the test plays by hand. */
static inline struct vdev_message pair_message(uint8_t type, uint8_t id, uint16_t device,
                                               uint16_t token, unsigned words)
{
    return (struct vdev_message){
        .type = type, .id = id, .device = device, .token = token, .size = MESSAGE_SIZE(words)};
}

static inline int pair_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
