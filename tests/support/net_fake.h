/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A net device that the test plays, hostile or not, on a transport of the test's own; and a net
 * front-end on it.
 */
#ifndef SUPPORT_NET_FAKE_H
#define SUPPORT_NET_FAKE_H

#include "fake_transport.h"
#include "net_user.h"

#define RECEIVE  0
#define TRANSMIT 1
#define CONTROL  2

#define ADDRESS_OFFSET 0
#define STATUS_OFFSET  6
#define MTU_OFFSET     10

#define BIT(feature) (1ull << (feature))

#define NET_FEATURES                                                                               \
    (BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MRG_RXBUF) |              \
     BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CSUM) |              \
     BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO4) |   \
     BIT(VIRTIO_NET_F_GUEST_ANNOUNCE))

#define RECEIVE_SIZE 9000u

static struct fake_transport fake;
static unsigned given; /* receive buffers given back since the queue started */
static unsigned commands_given;

static inline void put16(unsigned offset, uint16_t value)
{
    memcpy(fake.space + offset, &value, 2);
}

static inline void describe_fake(void)
{
    static const uint8_t address[] = {0x52, 0x54, 0, 1, 2, 3};

    fake_init(&fake, VDEV_VIRTIO_ID_NET, NET_FEATURES);
    memcpy(fake.space + ADDRESS_OFFSET, address, 6);
    put16(STATUS_OFFSET, VIRTIO_NET_S_LINK_UP);
    put16(MTU_OFFSET, 1500);
    given = 0;
    commands_given = 0;
}

static inline void setup_fake_machine(void)
{
    machine_init(&machine);
    describe_fake();
    configure(&fake.driver, RECEIVE_SIZE);
    /* Bus addresses are pointers here. */
    struct vdev_buffer *parts[] = {
        &configuration.receive_queue.descriptors,
        &configuration.receive_queue.driver,
        &configuration.receive_queue.device,
        &configuration.transmit_queue.descriptors,
        &configuration.transmit_queue.driver,
        &configuration.transmit_queue.device,
        &configuration.transmit_queue.indirect,
        &configuration.control_queue.descriptors,
        &configuration.control_queue.driver,
        &configuration.control_queue.device,
        &configuration.receive_memory,
        &configuration.headers,
        &configuration.control,
    };
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        parts[i]->bus_address = (uintptr_t)parts[i]->pointer;
    }
}

/* The device answers the command that it was given. */
static inline void answer_command(uint8_t answer)
{
    uint16_t head = fake_head(&fake, CONTROL, commands_given++);
    struct vring_desc *first = fake_descriptor(&fake, CONTROL, head);
    struct vring_desc *last = fake_descriptor(&fake, CONTROL, first->next);
    ck_assert_uint_eq(last->flags, VRING_DESC_F_WRITE);
    ck_assert_uint_eq(last->len, 1);
    *(uint8_t *)(uintptr_t)last->addr = answer;
    fake_give(&fake, CONTROL, head, 1);
}

static inline void start(void)
{
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_OK);
    user_init();
}

/* The first modes set, so that what follows is alone. */
static inline void settle_commands(void)
{
    for (unsigned i = 0; i < 2; i++) {
        answer_command(VIRTIO_NET_OK);
        vdev_net_poll(&frontend.net);
    }
    ck_assert_uint_eq(frontend.command, 0);
}

static inline void setup_fake(void)
{
    setup_fake_machine();
    start();
    settle_commands();
}

static inline struct vdev_buffer room(size_t length)
{
    struct vdev_buffer buffer = machine_allocate(&machine, length, 16);
    buffer.bus_address = (uintptr_t)buffer.pointer;
    fill(buffer.pointer, length, 7);
    return buffer;
}

/* The next receive buffer that the device has, as bytes. */
static inline uint8_t *next_buffer(unsigned ahead)
{
    return (uint8_t *)(uintptr_t)fake_descriptor(&fake, RECEIVE,
                                                 fake_head(&fake, RECEIVE, given + ahead))
        ->addr;
}

static inline void give_buffer(uint32_t written)
{
    fake_give(&fake, RECEIVE, fake_head(&fake, RECEIVE, given), written);
    given++;
}

static inline struct virtio_net_hdr_v1 plain_header(uint16_t buffers)
{
    return (struct virtio_net_hdr_v1){.num_buffers = buffers};
}

/* A frame in one buffer. */
static inline void arrive(struct virtio_net_hdr_v1 header, uint32_t length)
{
    uint8_t *bytes = next_buffer(0);

    memcpy(bytes, &header, sizeof header);
    fill(bytes + sizeof header, length, 3);
    give_buffer(sizeof header + length);
}

static inline void poll_all(void)
{
    for (unsigned i = 0; vdev_net_poll(&frontend.net); i++) {
        ck_assert_uint_lt(i, 1000);
    }
}

/* The device has come back from a restart, and works. */
static inline void check_restarted(unsigned restarts)
{
    struct outgoing outgoing;

    ck_assert(frontend.alive);
    ck_assert_uint_eq(frontend.restarts.all, restarts);
    given = 0;
    commands_given = 0;
    settle_commands();
    ck_assert_int_eq(send_frame(&outgoing, room(60)), VDEV_OK);
    fake_give(&fake, TRANSMIT, fake_head(&fake, TRANSMIT, 0), 0);
    unsigned delivered = user.delivered;
    arrive(plain_header(1), 64);
    poll_all();
    ck_assert_ended(&outgoing, VDEV_OK);
    ck_assert_uint_eq(user.delivered, delivered + 1);
    ck_assert_uint_eq(user.arrival.length, 64);
    ck_assert(holds(user.bytes, 64, 3));
    ck_assert_uint_eq(frontend.restarts.all, restarts);
    ck_assert_uint_eq(frontend.in_flight, 0);
}

static inline void restart_by_the_device(void)
{
    fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    vdev_net_poll(&frontend.net);
}

#endif
