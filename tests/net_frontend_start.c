/* SPDX-License-Identifier: BSD-2-Clause */
/* How the net front-end starts: what it refuses, and which features it asks for. */
#include "support/net_fake.h"

START_TEST(init_refuses_what_cannot_be)
{
    struct vdev_net_frontend_configuration with;
#define REFUSED(change)                                                                            \
    with = configuration;                                                                          \
    with.change;                                                                                   \
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &with), VDEV_ERROR_INVALID)
    REFUSED(transport = NULL);
    REFUSED(clock = NULL);
    REFUSED(queue_size = 2);
    REFUSED(receive_size = 63);
    REFUSED(receive_count = 0);
    REFUSED(receive_count = QUEUE + 1);
    REFUSED(receive_memory.length--);
    REFUSED(receive_memory.bus_address = VDEV_NO_BUS_ADDRESS);
    REFUSED(received = NULL);
    REFUSED(transmissions = NULL);
    REFUSED(transmission_count = 0);
    REFUSED(transmission_count = UINT16_MAX);
    REFUSED(headers.length--);
    REFUSED(headers.bus_address = VDEV_NO_BUS_ADDRESS);
    REFUSED(pieces = NULL);
    REFUSED(piece_count = 1);
    REFUSED(control.length--);
    REFUSED(control_queue_size = 2);
    ck_assert_uint_eq(fake.resets, 0);
    REFUSED(transmit_queue.device.length--);
    ck_assert_uint_eq(fake.status & VDEV_VIRTIO_STATUS_FAILED, VDEV_VIRTIO_STATUS_FAILED);
    fake.queue_size_maximum[TRANSMIT] = 16;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_RANGE);
    fake.queue_size_maximum[TRANSMIT] = 64;
    fake.queue_size_maximum[CONTROL] = 0;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_ABSENT);
    ck_assert(!frontend.alive);
}
END_TEST

START_TEST(init_gives_up_on_devices_that_cannot_be)
{
    struct outgoing outgoing;

    fake.space[ADDRESS_OFFSET] |= 1; /* a group */
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_INVALID);
    describe_fake();
    memset(fake.space, 0, 6);
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_INVALID);
    describe_fake();
    fake.offered |= BIT(VIRTIO_NET_F_MTU);
    put16(MTU_OFFSET, 67);
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_INVALID);
    describe_fake();
    fake.driver.id = VDEV_VIRTIO_ID_BLOCK;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_ABSENT);
    describe_fake();
    fake.offered &= ~BIT(32);
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_UNSUPPORTED);
    describe_fake();
    fake.refuses = true;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_UNSUPPORTED);
    describe_fake();
    fake.restless = true;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_TIMEOUT);
    describe_fake();
    fake.status = 0xf;
    fake.never_resets = true;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_TIMEOUT);
    describe_fake();
    fake.born_broken = true;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_IO);
    ck_assert_int_eq(send_frame(&outgoing, room(60)), VDEV_ERROR_ABSENT);
    ck_assert_int_eq(vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL),
                     VDEV_ERROR_ABSENT);
    ck_assert(!vdev_net_poll(&frontend.net));
}
END_TEST

START_TEST(accepts_only_what_it_understands)
{
    fake.offered = UINT64_MAX;
    start();
    ck_assert(fake.accepted ==
              (NET_FEATURES | BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN) |
               BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN) | BIT(54) | BIT(55) |
               BIT(56) | BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(28) |
               BIT(29) | BIT(32)));
    ck_assert_uint_eq(frontend.net.takes, 0x1f);
}
END_TEST

START_TEST(features_without_what_they_need_are_not_accepted)
{
    fake.offered = UINT64_MAX & ~(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) |
                                  BIT(VIRTIO_NET_F_CTRL_VQ));
    start();
    ck_assert(fake.accepted ==
              (BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MRG_RXBUF) |
               BIT(VIRTIO_NET_F_MTU) | BIT(28) | BIT(29) | BIT(32)));
    ck_assert_uint_eq(frontend.net.takes, 0);
    ck_assert_int_eq(vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL),
                     VDEV_ERROR_UNSUPPORTED);
    ck_assert_int_eq(vdev_net_frontend_set_filter(&frontend, NULL, 0), VDEV_ERROR_UNSUPPORTED);
    /* No announcements without a status that could ask for them. */
    fake.offered = UINT64_MAX & ~BIT(VIRTIO_NET_F_STATUS);
    start();
    ck_assert((fake.accepted & BIT(VIRTIO_NET_F_GUEST_ANNOUNCE)) == 0);
    ck_assert(frontend.net.link);
}
END_TEST

START_TEST(buffers_that_are_too_short)
{
    /* Without merging, one buffer has to hold a frame. */
    fake.offered = UINT64_MAX & ~BIT(VIRTIO_NET_F_MRG_RXBUF);
    configuration.receive_size = VDEV_NET_FRONTEND_RECEIVE_BYTES - 1;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_RANGE);
    configuration.receive_size++;
    put16(MTU_OFFSET, 1501); /* more than it holds: not for us */
    start();
    ck_assert((fake.accepted & (BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_GUEST_TSO4))) == 0);
    ck_assert((fake.accepted & BIT(VIRTIO_NET_F_GUEST_CSUM)) != 0);
    ck_assert_uint_eq(frontend.net.mtu, 1500);
    put16(MTU_OFFSET, 1499);
    start();
    ck_assert_uint_eq(frontend.net.mtu, 1499);
    /* With it, all of them together. */
    fake.offered = UINT64_MAX;
    configuration.receive_size = 64;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_RANGE);
    configuration.merge = false;
    configuration.receive_size = RECEIVE_SIZE;
    start();
    ck_assert((fake.accepted & BIT(VIRTIO_NET_F_MRG_RXBUF)) == 0);
}
END_TEST

START_TEST(an_address_of_its_own_is_told_to_the_device)
{
    fake.offered = NET_FEATURES & ~BIT(VIRTIO_NET_F_MAC);
    fake.offered |= BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(32);
    start();
    ck_assert_mem_eq(frontend.net.address, configuration.address, 6);
    const uint8_t wanted[] = {1, 1, 0x02, 0, 0, 0, 0, 0x55};
    struct vring_desc *first = fake_descriptor(&fake, CONTROL, fake_head(&fake, CONTROL, 0));
    ck_assert_uint_eq(first->len, 8);
    ck_assert_mem_eq((void *)(uintptr_t)first->addr, wanted, 8);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_frontend_start");
    TCase *tests;

    tests = tcase_create("net front-end, starting");
    tcase_add_checked_fixture(tests, setup_fake_machine, teardown);
    tcase_add_test(tests, init_refuses_what_cannot_be);
    tcase_add_test(tests, init_gives_up_on_devices_that_cannot_be);
    tcase_add_test(tests, accepts_only_what_it_understands);
    tcase_add_test(tests, features_without_what_they_need_are_not_accepted);
    tcase_add_test(tests, buffers_that_are_too_short);
    tcase_add_test(tests, an_address_of_its_own_is_told_to_the_device);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
