/* SPDX-License-Identifier: BSD-2-Clause */
/* The net front-end against a device that breaks the rules of rings, resets and commands. */
#include "support/net_fake.h"

/* ---- rings ---- */

static void break_id_range(uint16_t queue)
{
    fake_give(&fake, queue, QUEUE, 100);
}

static void break_id_not_in_flight(uint16_t queue)
{
    uint32_t free = 0;

    /* One that was never handed out: the receive ring has buffers left over, sending no frames. */
    free = queue == RECEIVE ? RECEIVE_COUNT : queue == CONTROL ? 3 : QUEUE - 1;
    fake_give(&fake, queue, free, 100);
}

static void break_index(uint16_t queue)
{
    fake_used(&fake, queue)->idx = (uint16_t)(fake_used(&fake, queue)->idx + 0x8000);
}

static void break_index_back(uint16_t queue)
{
    fake_used(&fake, queue)->idx--;
}

static void (*const breaks[])(uint16_t) = {break_id_range, break_id_not_in_flight, break_index,
                                           break_index_back};

START_TEST(a_corrupt_ring)
{
    struct outgoing outgoing[2];

    for (uint16_t queue = RECEIVE; queue <= CONTROL; queue++) {
        for (unsigned i = 0; i < 4; i++) {
            describe_fake();
            start();
            settle_commands();
            ck_assert_int_eq(send_frame(&outgoing[0], room(60)), VDEV_OK);
            ck_assert_int_eq(send_frame(&outgoing[1], room(60)), VDEV_OK);
            breaks[i](queue);
            ck_assert(!vdev_net_poll(&frontend.net));
            ck_assert_uint_eq(frontend.restarts.ring, 1);
            ck_assert_ended(&outgoing[0], VDEV_ERROR_IO);
            ck_assert_ended(&outgoing[1], VDEV_ERROR_IO);
            ck_assert_uint_eq(frontend.net.sent.dropped[VDEV_NET_DROP_NO_LINK], 2);
            check_restarted(1);
        }
    }
}
END_TEST

START_TEST(an_id_twice)
{
    struct outgoing first, second;

    ck_assert_int_eq(send_frame(&first, room(60)), VDEV_OK);
    ck_assert_int_eq(send_frame(&second, room(60)), VDEV_OK);
    fake_give(&fake, TRANSMIT, fake_head(&fake, TRANSMIT, 0), 0);
    fake_give(&fake, TRANSMIT, fake_head(&fake, TRANSMIT, 0), 0);
    vdev_net_poll(&frontend.net);
    ck_assert_ended(&first, VDEV_OK);
    ck_assert_ended(&second, VDEV_ERROR_IO);
    check_restarted(1);
}
END_TEST

START_TEST(a_receive_buffer_twice)
{
    uint16_t head = fake_head(&fake, RECEIVE, 0);

    /* Within one frame. */
    arrive(plain_header(2), 60);
    fake_give(&fake, RECEIVE, head, 60);
    poll_all();
    ck_assert_uint_eq(frontend.restarts.ring, 1);
    ck_assert_uint_eq(user.delivered, 0);
    check_restarted(1);
    /* And once it is the device's again, before it could know: the same as a frame that is early.
     */
    restart_by_the_device();
    given = 0;
    user.answer = VDEV_ERROR_FULL;
    arrive(plain_header(1), 60);
    fake_give(&fake, RECEIVE, fake_head(&fake, RECEIVE, 0), 72);
    poll_all();
    user.answer = VDEV_OK;
    vdev_net_resume(&frontend.net);
    poll_all();
    ck_assert_uint_eq(user.delivered, 3);
    ck_assert_uint_eq(frontend.receive.free_count, QUEUE - RECEIVE_COUNT);
    ck_assert_uint_eq(frontend.restarts.ring, 1);
}
END_TEST

START_TEST(an_id_never)
{
    struct outgoing outgoing;

    ck_assert_int_eq(send_frame(&outgoing, room(60)), VDEV_OK);
    vdev_virtual_clock_advance(&machine.clock, 4000000);
    vdev_net_poll(&frontend.net);
    ck_assert_uint_eq(outgoing.completed, 0);
    vdev_virtual_clock_advance(&machine.clock, 1000001);
    vdev_net_poll(&frontend.net);
    ck_assert_ended(&outgoing, VDEV_ERROR_TIMEOUT);
    ck_assert_uint_eq(frontend.restarts.timeout, 1);
    check_restarted(1);
}
END_TEST

START_TEST(a_command_never)
{
    struct outgoing outgoing;

    ck_assert_int_eq(vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL), VDEV_OK);
    /* Though frames come and go. */
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_uint_eq(frontend.restarts.all, 0);
        ck_assert_int_eq(send_frame(&outgoing, room(60)), VDEV_OK);
        vdev_virtual_clock_advance(&machine.clock, 1100000);
        fake_give(&fake, TRANSMIT, fake_head(&fake, TRANSMIT, i), 0);
        vdev_net_poll(&frontend.net);
        ck_assert_ended(&outgoing, VDEV_OK);
    }
    ck_assert_uint_eq(frontend.restarts.timeout, 1);
    check_restarted(1);
    ck_assert_uint_eq(frontend.mode, VDEV_NET_RECEIVE_ALL);
}
END_TEST

START_TEST(a_slow_device_that_goes_on_is_no_timeout)
{
    struct outgoing outgoing[5];

    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(send_frame(&outgoing[i], room(60)), VDEV_OK);
    }
    for (unsigned i = 0; i < 5; i++) {
        vdev_virtual_clock_advance(&machine.clock, 4000000);
        fake_give(&fake, TRANSMIT, fake_head(&fake, TRANSMIT, i), 0);
        vdev_net_poll(&frontend.net);
        ck_assert_ended(&outgoing[i], VDEV_OK);
    }
    ck_assert_uint_eq(frontend.restarts.all, 0);
}
END_TEST

START_TEST(idle_time_is_no_timeout)
{
    struct outgoing outgoing;

    vdev_virtual_clock_advance(&machine.clock, 1000000000);
    vdev_net_poll(&frontend.net);
    ck_assert_int_eq(send_frame(&outgoing, room(60)), VDEV_OK);
    vdev_net_poll(&frontend.net);
    ck_assert_uint_eq(outgoing.completed, 0);
    ck_assert_uint_eq(frontend.restarts.all, 0);
}
END_TEST

START_TEST(a_flood_hides_neither_silence_nor_a_lost_link)
{
    struct outgoing outgoing;
    unsigned polls = 0;

    ck_assert_int_eq(send_frame(&outgoing, room(60)), VDEV_OK);
    put16(STATUS_OFFSET, 0);
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    /* There is always one frame more. */
    arrive(plain_header(1), 60);
    arrive(plain_header(1), 60);
    while (vdev_net_poll(&frontend.net) && polls++ < 100) {
        arrive(plain_header(1), 60);
        vdev_virtual_clock_advance(&machine.clock, 200000);
        if (polls == 1 + RECEIVE_COUNT) {
            ck_assert_uint_eq(user.changed, 1);
        }
    }
    ck_assert_ended(&outgoing, VDEV_ERROR_TIMEOUT);
    ck_assert_uint_lt(polls, 40);
}
END_TEST

START_TEST(a_device_that_rewrites_the_rings_and_headers)
{
    struct outgoing outgoing[3];
    uint16_t heads[3];

    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(send_frame(&outgoing[i], room(60)), VDEV_OK);
        heads[i] = fake_head(&fake, TRANSMIT, i);
    }
    uint16_t receive = fake_head(&fake, RECEIVE, 0);
    uint8_t *bytes = next_buffer(0);
    struct virtio_net_hdr_v1 header = plain_header(1);
    memset(configuration.transmit_queue.descriptors.pointer, 0xff,
           configuration.transmit_queue.descriptors.length);
    memset(configuration.transmit_queue.driver.pointer, 0xff,
           configuration.transmit_queue.driver.length);
    memset(configuration.transmit_queue.indirect.pointer, 0xff,
           configuration.transmit_queue.indirect.length);
    memset(configuration.receive_queue.descriptors.pointer, 0xff,
           configuration.receive_queue.descriptors.length);
    memset(configuration.headers.pointer, 0xff, configuration.headers.length);
    memcpy(bytes, &header, sizeof header);
    fake_give(&fake, RECEIVE, receive, 12 + 60);
    for (unsigned i = 0; i < 3; i++) {
        fake_give(&fake, TRANSMIT, heads[2 - i], UINT32_MAX);
    }
    poll_all();
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_ended(&outgoing[i], VDEV_OK);
    }
    ck_assert_uint_eq(user.delivered, 1);
    ck_assert_uint_eq(frontend.restarts.all, 0);
    ck_assert_uint_eq(frontend.transmit.free_count, QUEUE);
}
END_TEST

/* ---- ends ---- */

START_TEST(a_device_that_needs_a_reset_gets_it)
{
    struct outgoing outgoing;

    user.answer = VDEV_ERROR_FULL;
    arrive(plain_header(1), 60);
    poll_all();
    ck_assert_int_eq(send_frame(&outgoing, room(60)), VDEV_OK);
    fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    vdev_net_poll(&frontend.net);
    ck_assert_ended(&outgoing, VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.restarts.wanted, 1);
    ck_assert_uint_eq(frontend.net.received.dropped[VDEV_NET_DROP_NO_ROOM], 1);
    user.answer = VDEV_OK;
    check_restarted(1);
}
END_TEST

START_TEST(a_device_that_does_not_come_back)
{
    struct outgoing outgoing[TRANSMISSIONS + 1];

    for (unsigned i = 0; i < TRANSMISSIONS; i++) {
        ck_assert_int_eq(send_frame(&outgoing[i], room(60)), VDEV_OK);
    }
    ck_assert_int_eq(send_frame(&outgoing[TRANSMISSIONS], room(60)), VDEV_ERROR_FULL);
    outgoing[0].again = &outgoing[TRANSMISSIONS];
    fake.never_resets = true;
    fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    uint64_t before = machine.clock.now;
    vdev_net_poll(&frontend.net);
    ck_assert_uint_le(machine.clock.now - before, 3 * VDEV_VIRTIO_RESET_NANOSECONDS);
    for (unsigned i = 0; i < TRANSMISSIONS; i++) {
        ck_assert_ended(&outgoing[i], VDEV_ERROR_IO);
    }
    /* Who waited for room hears of it, and finds out; so does who looks at the link. */
    ck_assert_int_eq(outgoing[0].again_status, VDEV_ERROR_FULL);
    ck_assert_uint_eq(user.writable, 1);
    ck_assert_uint_eq(user.changed, 1);
    ck_assert(!frontend.net.link);
    ck_assert(!frontend.alive);
    ck_assert_int_eq(send_frame(&outgoing[0], room(60)), VDEV_ERROR_ABSENT);
    ck_assert(!vdev_net_poll(&frontend.net));
    ck_assert_int_eq(vdev_net_frontend_stop(&frontend), VDEV_OK);
}
END_TEST

START_TEST(a_device_that_always_needs_a_reset)
{
    struct outgoing outgoing;

    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(send_frame(&outgoing, room(60)), VDEV_OK);
        fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
        fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
        ck_assert(!vdev_net_poll(&frontend.net));
        ck_assert_ended(&outgoing, VDEV_ERROR_IO);
        ck_assert_uint_eq(frontend.restarts.all, i + 1); /* one in each poll */
    }
}
END_TEST

START_TEST(a_device_that_comes_back_as_another)
{
    /* What may change is told. */
    fake.space[5] = 0x77;
    put16(STATUS_OFFSET, 0);
    restart_by_the_device();
    ck_assert(frontend.alive);
    ck_assert_uint_eq(user.changed, 1);
    ck_assert_uint_eq(frontend.net.address[5], 0x77);
    ck_assert(!frontend.net.link);
    /* It may have learned things: they are not asked for. */
    fake.offered = UINT64_MAX;
    restart_by_the_device();
    ck_assert(frontend.alive);
    ck_assert((fake.accepted & ~BIT(32)) == NET_FEATURES);
    /* What the client was told never changes may not be gone. */
    fake.offered = (NET_FEATURES & ~BIT(VIRTIO_NET_F_HOST_TSO4)) | BIT(32);
    restart_by_the_device();
    ck_assert(!frontend.alive);
    ck_assert_uint_ne(fake.status & VDEV_VIRTIO_STATUS_FAILED, 0);
}
END_TEST

START_TEST(the_filter_survives_a_restart)
{
    const uint8_t addresses[][6] = {{0x33, 0x33, 1, 2, 3, 4}, {2, 4, 6, 8, 10, 12}};
    const uint8_t wanted[] = {1,  0, 1, 0, 0, 0,    2,    4, 6, 8, 10,
                              12, 1, 0, 0, 0, 0x33, 0x33, 1, 2, 3, 4};

    ck_assert_int_eq(vdev_net_frontend_set_filter(&frontend, addresses, 2), VDEV_OK);
    answer_command(VIRTIO_NET_OK);
    poll_all();
    restart_by_the_device();
    struct vring_desc *first = fake_descriptor(&fake, CONTROL, fake_head(&fake, CONTROL, 0));
    ck_assert_uint_eq(first->len, sizeof wanted);
    ck_assert_mem_eq((void *)(uintptr_t)first->addr, wanted, sizeof wanted);
    ck_assert_int_eq(vdev_net_frontend_set_filter(&frontend, addresses, 17), VDEV_ERROR_RANGE);
}
END_TEST

START_TEST(commands_that_are_refused)
{
    const uint8_t answers[] = {VIRTIO_NET_ERR, 2, 0xff};

    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL), VDEV_OK);
        answer_command(answers[i]);
        vdev_net_poll(&frontend.net);
        answer_command(VIRTIO_NET_OK);
        poll_all();
        ck_assert_uint_eq(frontend.refused, i + 1);
        ck_assert_uint_eq(frontend.command, 0);
    }
    /* Given back without an answer: what was there before is none. */
    ck_assert_int_eq(vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL), VDEV_OK);
    fake_give(&fake, CONTROL, fake_head(&fake, CONTROL, commands_given++), 0);
    vdev_net_poll(&frontend.net);
    answer_command(VIRTIO_NET_OK);
    poll_all();
    ck_assert_uint_eq(frontend.refused, 4);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL), VDEV_OK);
        uint16_t head = fake_head(&fake, CONTROL, commands_given++);
        struct vring_desc *first = fake_descriptor(&fake, CONTROL, head);
        if (i == 0) { /* said to be written, and is not */
            fake_give(&fake, CONTROL, head, 1);
        } else { /* written, and said not to be */
            *(uint8_t *)(uintptr_t)fake_descriptor(&fake, CONTROL, first->next)->addr = 0;
            fake_give(&fake, CONTROL, head, 0);
        }
        vdev_net_poll(&frontend.net);
        ck_assert_uint_eq(frontend.refused, 5 + i);
        answer_command(VIRTIO_NET_OK);
        poll_all();
    }
    ck_assert_uint_eq(frontend.restarts.all, 0);
}
END_TEST

START_TEST(an_announcement_is_asked_for_once_at_a_time)
{
    const uint8_t wanted[] = {3, 0};

    put16(STATUS_OFFSET, VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
    for (unsigned i = 0; i < 5; i++) {
        fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
        vdev_net_poll(&frontend.net);
    }
    ck_assert_uint_eq(frontend.announcements, 1);
    ck_assert_uint_eq(user.changed, 1);
    struct vring_desc *first =
        fake_descriptor(&fake, CONTROL, fake_head(&fake, CONTROL, commands_given));
    ck_assert_uint_eq(first->len, 2);
    ck_assert_mem_eq((void *)(uintptr_t)first->addr, wanted, 2);
    put16(STATUS_OFFSET, VIRTIO_NET_S_LINK_UP);
    answer_command(VIRTIO_NET_OK);
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    poll_all();
    ck_assert_uint_eq(frontend.announcements, 1);
    ck_assert_uint_eq(frontend.command, 0);
}
END_TEST

START_TEST(stopped_from_inside)
{
    struct outgoing outgoing[TRANSMISSIONS + 1];

    /* From a completion that the device made, and from one of a device that broke a rule. */
    for (unsigned broken = 0; broken < 2; broken++) {
        describe_fake();
        start();
        for (unsigned i = 0; i < 4; i++) {
            ck_assert_int_eq(send_frame(&outgoing[i], room(60)), VDEV_OK);
        }
        outgoing[0].stops = true;
        fake_give(&fake, TRANSMIT, broken ? 0xffff : fake_head(&fake, TRANSMIT, 0), 0);
        ck_assert(!vdev_net_poll(&frontend.net));
        ck_assert_ended(&outgoing[0], broken ? VDEV_ERROR_IO : VDEV_OK);
        for (unsigned i = 1; i < 4; i++) {
            ck_assert_ended(&outgoing[i], VDEV_ERROR_ABSENT);
        }
        ck_assert(!frontend.alive);
        ck_assert_uint_eq(fake.status, 0);
    }
    /* From where a frame is asked for, and from where a change is told. */
    describe_fake();
    start();
    user.stops_in_accept = true;
    arrive(plain_header(1), 60);
    ck_assert(!vdev_net_poll(&frontend.net));
    ck_assert_uint_eq(user.delivered, 0);
    ck_assert_uint_eq(fake.status, 0);
    describe_fake();
    start();
    for (unsigned i = 0; i < TRANSMISSIONS; i++) {
        ck_assert_int_eq(send_frame(&outgoing[i], room(60)), VDEV_OK);
    }
    ck_assert_int_eq(send_frame(&outgoing[TRANSMISSIONS], room(60)), VDEV_ERROR_FULL);
    fake_give(&fake, TRANSMIT, fake_head(&fake, TRANSMIT, 0), 0);
    user.stops_in_changed = true;
    put16(STATUS_OFFSET, 0);
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    ck_assert(!vdev_net_poll(&frontend.net));
    ck_assert_ended(&outgoing[0], VDEV_OK);
    ck_assert_ended(&outgoing[1], VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(user.writable, 0); /* who stops it waits for nothing */
    ck_assert_uint_eq(fake.status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_frontend_hostile");
    TCase *tests;

    tests = tcase_create("net front-end, hostile device");
    tcase_add_checked_fixture(tests, setup_fake, teardown);
    tcase_add_test(tests, a_corrupt_ring);
    tcase_add_test(tests, an_id_twice);
    tcase_add_test(tests, a_receive_buffer_twice);
    tcase_add_test(tests, an_id_never);
    tcase_add_test(tests, a_command_never);
    tcase_add_test(tests, a_slow_device_that_goes_on_is_no_timeout);
    tcase_add_test(tests, idle_time_is_no_timeout);
    tcase_add_test(tests, a_flood_hides_neither_silence_nor_a_lost_link);
    tcase_add_test(tests, a_device_that_rewrites_the_rings_and_headers);
    tcase_add_test(tests, a_device_that_needs_a_reset_gets_it);
    tcase_add_test(tests, a_device_that_does_not_come_back);
    tcase_add_test(tests, a_device_that_always_needs_a_reset);
    tcase_add_test(tests, a_device_that_comes_back_as_another);
    tcase_add_test(tests, the_filter_survives_a_restart);
    tcase_add_test(tests, commands_that_are_refused);
    tcase_add_test(tests, an_announcement_is_asked_for_once_at_a_time);
    tcase_add_test(tests, stopped_from_inside);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
