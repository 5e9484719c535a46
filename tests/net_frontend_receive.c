/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net front-end against the device's end of its rings: what it makes of what arrives, and what
 * it asks to be interrupted for.
 */
#include "support/net_device.h"

/* ---- receiving ---- */

START_TEST(frames_of_every_size_arrive)
{
    unsigned count = 0;

    for (uint32_t length = 14; length <= 1518; length++, count++) {
        memset(user.bytes, 0xEE, sizeof user.bytes);
        ck_assert(arrive_plain(length, length));
        ck_assert(machine.level);
        poll_all();
        if (user.delivered != count + 1 || user.status != VDEV_OK ||
            user.arrival.length != length || !holds(user.bytes, length, length) ||
            !holds(user.arrival.header, 14, length) || user.bytes[length] != 0xEE ||
            user.arrival.offload.needs != 0 || machine.level) {
            ck_abort_msg("at %u", length);
        }
    }
    ck_assert_uint_eq(frontend.net.received.frames, count);
    ck_assert_uint_eq(frontend.net.received.bytes, (14 + 1518) * count / 2);
    ck_assert_uint_eq(frontend.restarts.all, 0);
}
END_TEST

START_TEST(frames_to_be_segmented_arrive)
{
    static uint8_t bytes[65549];

    configuration.receive_size = 2100;
    configuration.receive_memory = machine_allocate(&machine, 2100 * QUEUE, 16);
    connect(EVERYTHING);
    const struct {
        uint8_t kind;
        uint32_t needs;
    } kinds[] = {{VIRTIO_NET_HDR_GSO_TCPV4, VDEV_NET_TCP4},
                 {VIRTIO_NET_HDR_GSO_TCPV6, VDEV_NET_TCP6},
                 {5, VDEV_NET_UDP},
                 {VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, VDEV_NET_TCP4 | VDEV_NET_ECN}};
    for (unsigned i = 0; i < 4; i++) {
        fill(bytes, sizeof bytes, i);
        ck_assert(arrive((struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                                    .gso_type = kinds[i].kind,
                                                    .gso_size = 1400 + i,
                                                    .hdr_len = 54,
                                                    .csum_start = 34,
                                                    .csum_offset = 16},
                         bytes, sizeof bytes));
        poll_all();
        ck_assert_uint_eq(user.delivered, i + 1);
        ck_assert_uint_eq(user.arrival.offload.needs, kinds[i].needs | VDEV_NET_CHECKSUM);
        ck_assert_uint_eq(user.arrival.offload.segment_size, 1400 + i);
        ck_assert_uint_eq(user.arrival.offload.checksum_start, 34);
        ck_assert_uint_eq(user.arrival.offload.checksum_offset, 16);
        ck_assert(holds(user.bytes, sizeof bytes, i));
    }
    ck_assert(arrive((struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_DATA_VALID}, bytes, 100));
    poll_all();
    ck_assert(user.arrival.offload.checksum_valid);
    ck_assert_uint_eq(user.arrival.offload.needs, 0);
    /* What the client does not accept any more is not forced on it. */
    frontend.net.client.accepts = VDEV_NET_CHECKSUM;
    ck_assert(arrive((struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                                .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                                .gso_size = 1400,
                                                .csum_start = 34,
                                                .csum_offset = 16},
                     bytes, 5000));
    poll_all();
    ck_assert_uint_eq(user.delivered, 5);
    ck_assert_uint_eq(frontend.net.received.dropped[VDEV_NET_DROP_OFFLOAD], 1);
}
END_TEST

START_TEST(a_frame_is_kept_while_there_is_no_room)
{
    user.answer = VDEV_ERROR_FULL;
    for (unsigned i = 0; i < 5; i++) {
        ck_assert(arrive_plain(100 + i, i));
    }
    poll_all();
    poll_all();
    ck_assert_uint_eq(user.asked, 1);
    ck_assert(!machine.level);
    /* More may come, as long as there are buffers; nobody is called for them. */
    ck_assert(arrive_plain(105, 5));
    user.answer = VDEV_OK;
    vdev_net_resume(&frontend.net);
    ck_assert_uint_eq(user.asked, 1);
    for (unsigned i = 0; i < 6; i++) {
        bool more = vdev_net_poll(&frontend.net); /* one at a time */
        ck_assert_int_eq(more, i < 5);
        ck_assert_uint_eq(user.delivered, i + 1);
        ck_assert_uint_eq(user.arrival.length, 100 + i);
        ck_assert(holds(user.bytes, 100 + i, i));
    }
    /* Room that comes while the frame is being asked about. */
    user.answer = VDEV_ERROR_FULL;
    user.resumes_in_accept = true;
    ck_assert(arrive_plain(60, 1));
    ck_assert(vdev_net_poll(&frontend.net));
    user.answer = VDEV_OK;
    ck_assert(!vdev_net_poll(&frontend.net));
    ck_assert_uint_eq(user.delivered, 7);
    ck_assert_uint_eq(frontend.receive.free_count, 0);
}
END_TEST

START_TEST(a_ring_that_runs_out_fills_again)
{
    unsigned arrived = 0;

    user.answer = VDEV_ERROR_FULL;
    while (arrive_plain(1500, arrived)) {
        arrived++;
        poll_all();
        ck_assert_uint_lt(arrived, QUEUE);
    }
    /* The last one did not fit: the chains that were taken for it go back as they are. */
    ck_assert_uint_eq(arrived, QUEUE / 4);
    user.answer = VDEV_OK;
    vdev_net_resume(&frontend.net);
    poll_all();
    ck_assert_uint_eq(user.delivered, arrived);
    for (unsigned i = 0; i < QUEUE / 4; i++) {
        ck_assert(arrive_plain(1500, i));
    }
    poll_all();
    ck_assert_uint_eq(user.delivered, 2 * arrived);
}
END_TEST

START_TEST(frames_that_the_client_does_not_want)
{
    user.answer = VDEV_ERROR_UNSUPPORTED;
    for (unsigned i = 0; i < 3 * QUEUE; i++) {
        ck_assert(arrive_plain(900, i));
        poll_all();
    }
    ck_assert_uint_eq(user.asked, 3 * QUEUE);
    ck_assert_uint_eq(user.delivered, 0);
    ck_assert_uint_eq(frontend.net.received.frames, 0); /* the client has counted why */
    /* A client that gives less room than it is asked for. */
    user.answer = VDEV_OK;
    user.room_count = 2;
    ck_assert(arrive_plain(706, 1));
    poll_all();
    ck_assert_uint_eq(user.delivered, 1);
    ck_assert_int_eq(user.status, VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.net.received.dropped[VDEV_NET_DROP_NO_ROOM], 1);
    user.room_count = 0;
    ck_assert(arrive_plain(60, 1));
    poll_all();
    ck_assert_int_eq(user.status, VDEV_ERROR_IO);
    user.room_count = 3;
    ck_assert(arrive_plain(60, 1));
    poll_all();
    ck_assert_int_eq(user.status, VDEV_OK);
}
END_TEST

/* ---- what it costs ---- */

static uint32_t accesses(void)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < VDEV_VIRTIO_MMIO_WINDOW / 4; i++) {
        count += machine.counts[i].reads + machine.counts[i].writes;
    }
    return count;
}

START_TEST(a_burst_costs_one_interrupt_and_few_accesses)
{
    /* With and without the event index. */
    for (unsigned with = 0; with < 2; with++) {
        connect(SIMPLE | 1ull << VIRTIO_NET_F_MRG_RXBUF);
        if (with == 0) {
            device.offered &= ~(1ull << VIRTIO_RING_F_EVENT_IDX);
            ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_OK);
            user_init();
        }
        poll_all();
        vdev_device_queue_disarm(&queues[RECEIVE].live); /* a device that has buffers enough */
        unsigned raised = machine.raised;
        uint32_t before = accesses();
        for (unsigned i = 0; i < QUEUE; i++) {
            ck_assert(arrive_plain(300, i));
        }
        poll_all();
        ck_assert_uint_eq(user.delivered, QUEUE);
        ck_assert_uint_eq(machine.raised - raised, 1);
        ck_assert_uint_le(accesses() - before, 6);
        /* And after it is at rest, the next one interrupts again. */
        ck_assert(!machine.level || !vdev_net_poll(&frontend.net));
        ck_assert(!machine.level);
        ck_assert(arrive_plain(300, 1));
        ck_assert(machine.level);
        poll_all();
        ck_assert_uint_eq(user.delivered, QUEUE + 1);
    }
}
END_TEST

static void one_more(void)
{
    if (user.asked < 10) {
        ck_assert(arrive_plain(300, user.asked));
    }
}

START_TEST(what_comes_during_a_poll_does_not_interrupt)
{
    device.offered &= ~(1ull << VIRTIO_RING_F_EVENT_IDX);
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_OK);
    user_init();
    poll_all();
    unsigned raised = machine.raised;
    user.on_accept = one_more;
    ck_assert(arrive_plain(300, 0));
    poll_all();
    ck_assert_uint_eq(user.delivered, 10);
    ck_assert_uint_eq(machine.raised - raised, 1);
}
END_TEST

START_TEST(through_the_wrap_of_the_index)
{
    struct vdev_buffer bytes = data(200, 1);
    struct virtio_net_hdr_v1 header;
    struct outgoing outgoing;

    for (unsigned i = 0; i < 66000; i++) {
        fill(bytes.pointer, 200, i);
        if (send_frame(&outgoing, bytes) != VDEV_OK || !send_next(&header) ||
            !holds(wire, 200, i) || !arrive_plain(60 + i % 600, i)) {
            ck_abort_msg("at %u", i);
        }
        poll_all();
        if (outgoing.completed != 1 || user.delivered != i + 1 ||
            !holds(user.bytes, 60 + i % 600, i)) {
            ck_abort_msg("at %u", i);
        }
    }
    ck_assert_uint_eq(frontend.restarts.all, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_frontend_receive");
    TCase *tests;

    tests = tcase_create("net front-end, receiving");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, frames_of_every_size_arrive);
    tcase_add_test(tests, frames_to_be_segmented_arrive);
    tcase_add_test(tests, a_frame_is_kept_while_there_is_no_room);
    tcase_add_test(tests, a_ring_that_runs_out_fills_again);
    tcase_add_test(tests, frames_that_the_client_does_not_want);
    tcase_add_test(tests, a_burst_costs_one_interrupt_and_few_accesses);
    tcase_add_test(tests, what_comes_during_a_poll_does_not_interrupt);
    tcase_add_test(tests, through_the_wrap_of_the_index);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
