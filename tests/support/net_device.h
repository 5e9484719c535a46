/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A net device of which there is only the device's end of the rings, which the test works by hand;
 * and a net front-end on it, through virtio-mmio.
 */
#ifndef SUPPORT_NET_DEVICE_H
#define SUPPORT_NET_DEVICE_H

#include "net_user.h"

#include <vdev/virtio.h>

#define RECEIVE      0
#define TRANSMIT     1
#define CONTROL      2
#define RECEIVE_SIZE 400u
#define EVERYTHING   (UINT64_MAX >> 1 & ~(0x3full << 28) & ~(1ull << 32))

static struct vdev_virtio_device device;
static struct vdev_virtio_queue queues[3];
static struct vdev_virtio_mmio_driver mmio_driver;
static uint8_t space[12];
static struct vdev_buffer chain_buffers[40];
static struct vdev_chain chain;
static unsigned notified[3];

static inline void on_notify(struct vdev_virtio_device *self, uint16_t queue)
{
    ck_assert_ptr_eq(self, &device);
    notified[queue]++;
}

static inline void on_start(struct vdev_virtio_device *self)
{
    (void)self;
}

static inline void connect(uint64_t features)
{
    static const struct vdev_virtio_device_operations operations = {.notify = on_notify,
                                                                    .start = on_start};

    ck_assert_int_eq(vdev_virtio_device_init(&device,
                                             &(struct vdev_virtio_device_configuration){
                                                 .operations = &operations,
                                                 .memory = &machine.map,
                                                 .id = VDEV_VIRTIO_ID_NET,
                                                 .features = features,
                                                 .queues = queues,
                                                 .queue_count = 3,
                                                 .queue_size_maximum = 64,
                                                 .configuration_space = space,
                                                 .configuration_length = sizeof space,
                                             }),
                     VDEV_OK);
    memset(notified, 0, sizeof notified);
    machine_connect(&machine, &device);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&mmio_driver, &machine.io), VDEV_OK);
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_OK);
    user_init();
    chain = (struct vdev_chain){.buffers = chain_buffers, .capacity = 40};
}

#define SIMPLE (1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS)

static inline void setup(void)
{
    static const uint8_t description[] = {0x52, 0x54, 0, 0xaa, 0xbb, 0xcc, 1, 0, 1, 0, 0xdc, 5};

    machine_init(&machine);
    memcpy(space, description, sizeof space);
    configure(&mmio_driver.driver, RECEIVE_SIZE);
    configuration.receive_count = QUEUE;
    configuration.receive_memory = machine_allocate(&machine, RECEIVE_SIZE * QUEUE, 16);
    /* No indirect tables on one side or the other: the chains are looked at as they come. */
    connect(SIMPLE | 1ull << VIRTIO_NET_F_MRG_RXBUF);
}

/* The device's next chain of a queue. */
static inline int take(uint16_t queue)
{
    return vdev_device_queue_take(&queues[queue].live, &chain);
}

static inline void give(uint16_t queue, uint32_t written)
{
    vdev_virtio_device_give(&device, queue, vdev_virtio_device_epoch(&device, queue), chain.id,
                            written);
}

/* The device sends the next frame that it has; its header is in *header, its bytes in `wire`. */
static uint8_t wire[70000];
static size_t wire_length;

static inline bool send_next(struct virtio_net_hdr_v1 *header)
{
    if (take(TRANSMIT) != VDEV_OK) {
        vdev_virtio_device_signal(&device, TRANSMIT);
        return false;
    }
    struct vdev_cursor cursor = vdev_chain_reader(&chain);
    ck_assert_uint_eq(chain.writable_count, 0);
    ck_assert_uint_eq(vdev_cursor_read(&cursor, header, sizeof *header), sizeof *header);
    wire_length = vdev_cursor_read(&cursor, wire, sizeof wire);
    give(TRANSMIT, 0);
    vdev_virtio_device_signal(&device, TRANSMIT);
    vdev_device_queue_arm(&queues[TRANSMIT].live);
    return true;
}

/* A frame arrives, in as many buffers as it takes. False: the driver has not enough. */
static inline bool arrive(struct virtio_net_hdr_v1 header, const uint8_t *bytes, size_t length)
{
    uint16_t ids[QUEUE];
    uint32_t written[QUEUE];
    size_t all = sizeof header + length;
    size_t done = 0;
    struct vdev_buffer first = {0};

    header.num_buffers = 0;
    while (done < all) {
        if (take(RECEIVE) != VDEV_OK) {
            return false; /* tests that ask for this look no further */
        }
        ck_assert_uint_eq(chain.readable_count, 0);
        ck_assert_uint_eq(chain.writable_count, 1);
        struct vdev_buffer *room = &chain.buffers[0];
        size_t piece = all - done < room->length ? all - done : room->length;
        if (done == 0) {
            first = *room;
            memcpy((uint8_t *)room->pointer + sizeof header, bytes, piece - sizeof header);
        } else {
            memcpy(room->pointer, bytes + done - sizeof header, piece);
        }
        ids[header.num_buffers] = chain.id;
        written[header.num_buffers++] = (uint32_t)piece;
        done += piece;
    }
    memcpy(first.pointer, &header, sizeof header);
    for (unsigned i = 0; i < header.num_buffers; i++) {
        chain.id = ids[i];
        give(RECEIVE, written[i]);
    }
    vdev_virtio_device_signal(&device, RECEIVE);
    return true;
}

static inline bool arrive_plain(size_t length, unsigned number)
{
    static uint8_t bytes[70000];

    fill(bytes, length, number);
    return arrive((struct virtio_net_hdr_v1){0}, bytes, length);
}

static inline struct vdev_buffer data(size_t length, unsigned number)
{
    struct vdev_buffer buffer = machine_allocate(&machine, length, 16);
    fill(buffer.pointer, length, number);
    return buffer;
}

static inline void poll_all(void)
{
    for (unsigned i = 0; vdev_net_poll(&frontend.net); i++) {
        ck_assert_uint_lt(i, 1000);
    }
}

#endif
