/* SPDX-License-Identifier: BSD-2-Clause */
/* The net front-end against a device whose frames are not what it says of them. */
#include "support/net_fake.h"

START_TEST(less_than_a_header)
{
    for (uint32_t length = 0; length < VDEV_NET_FRONTEND_HEADER_BYTES; length++) {
        give_buffer(length);
        vdev_net_poll(&frontend.net);
        ck_assert_uint_eq(frontend.restarts.header, length + 1);
        check_restarted(length + 1);
    }
}
END_TEST

START_TEST(counts_of_buffers_that_lie)
{
    const uint16_t counts[] = {0, 2, RECEIVE_COUNT, RECEIVE_COUNT + 1, 0x100, 0xffff};

    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        unsigned delivered = user.delivered;
        arrive(plain_header(counts[i]), 60);
        vdev_net_poll(&frontend.net);
        ck_assert_uint_eq(user.delivered, delivered);
        ck_assert_uint_eq(frontend.restarts.merged, i + 1);
        check_restarted(i + 1);
    }
    /* One that does not come: the rest of the ring is full, its last is missing. */
    arrive(plain_header(3), 60);
    give_buffer(100);
    vdev_net_poll(&frontend.net);
    check_restarted(7);
}
END_TEST

START_TEST(counts_of_buffers_do_not_matter_without_merging)
{
    fake.offered &= ~BIT(VIRTIO_NET_F_MRG_RXBUF);
    describe_fake();
    fake.offered &= ~BIT(VIRTIO_NET_F_MRG_RXBUF);
    start();
    const uint16_t counts[] = {0, 1, 2, 0xffff};
    for (unsigned i = 0; i < 4; i++) {
        arrive(plain_header(counts[i]), 60);
        poll_all();
        ck_assert_uint_eq(user.delivered, i + 1);
    }
    ck_assert_uint_eq(frontend.restarts.all, 0);
}
END_TEST

START_TEST(every_buffer_at_once)
{
    struct virtio_net_hdr_v1 header = plain_header(RECEIVE_COUNT);

    /* More than a frame may be: dropped, and all buffers come back to the device. */
    for (unsigned round = 0; round < 3; round++) {
        memcpy(next_buffer(0), &header, sizeof header);
        for (unsigned i = 0; i < RECEIVE_COUNT; i++) {
            give_buffer(UINT32_MAX); /* clamped */
        }
        poll_all();
        ck_assert_uint_eq(frontend.net.received.dropped[VDEV_NET_DROP_LONG], round + 1);
        ck_assert_uint_eq(frontend.receive.free_count, QUEUE - RECEIVE_COUNT);
    }
    ck_assert_uint_eq(user.asked, 0);
    ck_assert_uint_eq(frontend.restarts.all, 0);
}
END_TEST

START_TEST(empty_buffers_in_a_frame)
{
    struct virtio_net_hdr_v1 header = plain_header(4);

    /* Of no use, but no harm: the frame is what the bytes are. */
    memcpy(next_buffer(0), &header, sizeof header);
    fill(next_buffer(2), 60, 3);
    give_buffer(12);
    give_buffer(0);
    give_buffer(60);
    give_buffer(0);
    poll_all();
    ck_assert_uint_eq(user.delivered, 1);
    ck_assert_uint_eq(user.arrival.length, 60);
    ck_assert(holds(user.bytes, 60, 3));
    ck_assert_uint_eq(frontend.receive.free_count, QUEUE - RECEIVE_COUNT);
}
END_TEST

START_TEST(lengths_of_frames)
{
    const struct {
        uint32_t length;
        enum vdev_net_drop reason;
    } cases[] = {{0, VDEV_NET_DROP_SHORT},    {13, VDEV_NET_DROP_SHORT},
                 {14, VDEV_NET_DROP_REASONS}, {1518, VDEV_NET_DROP_REASONS},
                 {1519, VDEV_NET_DROP_LONG},  {RECEIVE_SIZE - 12, VDEV_NET_DROP_LONG}};

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t dropped[VDEV_NET_DROP_REASONS];
        memcpy(dropped, frontend.net.received.dropped, sizeof dropped);
        unsigned delivered = user.delivered;
        arrive(plain_header(1), cases[i].length);
        poll_all();
        if (cases[i].reason != VDEV_NET_DROP_REASONS) {
            dropped[cases[i].reason]++;
        }
        ck_assert_uint_eq(user.delivered, delivered + (cases[i].reason == VDEV_NET_DROP_REASONS));
        ck_assert_mem_eq(frontend.net.received.dropped, dropped, sizeof dropped);
    }
    /* What the device says beyond the buffer's end is not there. */
    uint8_t *bytes = next_buffer(0);
    memset(bytes, 0, 12);
    bytes[10] = 1;
    give_buffer(UINT32_MAX);
    poll_all();
    ck_assert_uint_eq(frontend.net.received.dropped[VDEV_NET_DROP_LONG], 3);
    ck_assert_uint_eq(frontend.net.received.frames, 2);
    ck_assert_uint_eq(frontend.net.received.bytes, 14 + 1518);
    ck_assert_uint_eq(frontend.restarts.all, 0);
}
END_TEST

START_TEST(fields_that_make_no_sense)
{
    const struct virtio_net_hdr_v1 wrong[] = {
        {.flags = 1, .csum_start = 99, .csum_offset = 0},      /* the last byte */
        {.flags = 1, .csum_start = 34, .csum_offset = 0xffff}, /* wraps in 16 bits */
        {.flags = 1, .csum_start = 0xffff, .csum_offset = 0xffff},
        {.flags = 1, .csum_start = 13, .csum_offset = 16}, /* in the Ethernet header */
        {.gso_type = 1, .gso_size = 1000},                 /* without a checksum */
        {.flags = 1, .csum_start = 34, .csum_offset = 16, .gso_type = 1}, /* no size */
        {.flags = 1, .csum_start = 34, .csum_offset = 16, .gso_type = 2, .gso_size = 9},
        {.flags = 1, .csum_start = 34, .csum_offset = 6, .gso_type = 3, .gso_size = 9}, /* UFO */
        {.flags = 1, .csum_start = 34, .csum_offset = 16, .gso_type = 4, .gso_size = 9},
        {.flags = 1, .csum_start = 34, .csum_offset = 6, .gso_type = 5, .gso_size = 9},
        {.flags = 1, .csum_start = 34, .csum_offset = 16, .gso_type = 0x81, .gso_size = 9},
        {.flags = 1, .csum_start = 34, .csum_offset = 16, .gso_type = 0x21, .gso_size = 9},
        {.flags = 1, .csum_start = 34, .csum_offset = 16, .gso_type = 0xff, .gso_size = 9},
        {.gso_type = 0x80},
    };
    unsigned count = sizeof wrong / sizeof wrong[0];

    for (unsigned i = 0; i < count; i++) {
        struct virtio_net_hdr_v1 header = wrong[i];
        header.num_buffers = 1;
        arrive(header, 100);
        poll_all();
        ck_assert_msg(frontend.net.received.dropped[VDEV_NET_DROP_OFFLOAD] == i + 1, "%u", i);
    }
    ck_assert_uint_eq(user.asked, 0);
    /* Honest devices have such frames from strangers: it is not restarted for them. */
    ck_assert_uint_eq(frontend.restarts.all, 0);
    struct virtio_net_hdr_v1 right = {
        .flags = 1, .csum_start = 34, .csum_offset = 64, .num_buffers = 1};
    arrive(right, 100);
    right.gso_type = 1;
    right.gso_size = 1;
    right.hdr_len = 0xffff; /* a hint, and a bad one */
    arrive(right, 100);
    poll_all();
    ck_assert_uint_eq(user.delivered, 2);
    ck_assert_uint_eq(user.arrival.offload.needs, VDEV_NET_CHECKSUM | VDEV_NET_TCP4);
}
END_TEST

START_TEST(offloads_that_were_not_negotiated)
{
    configuration.accepts = 0;
    describe_fake();
    start();
    ck_assert((fake.accepted & (BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4))) == 0);
    arrive((struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                      .csum_start = 34,
                                      .csum_offset = 6,
                                      .num_buffers = 1},
           100);
    poll_all();
    ck_assert_uint_eq(frontend.net.received.dropped[VDEV_NET_DROP_OFFLOAD], 1);
    /* Nor is a checksum that somebody is said to have checked. */
    arrive((struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_DATA_VALID, .num_buffers = 1}, 100);
    poll_all();
    ck_assert_uint_eq(user.delivered, 1);
    ck_assert(!user.arrival.offload.checksum_valid);
}
END_TEST

static uint8_t *spoiled;

static void spoil(void)
{
    memset(spoiled, 0xBB, RECEIVE_SIZE);
}

START_TEST(what_changes_after_the_look_changes_nothing)
{
    spoiled = next_buffer(0);
    user.on_accept = spoil;
    arrive(plain_header(1), 200);
    poll_all();
    ck_assert_uint_eq(user.delivered, 1);
    ck_assert_int_eq(user.status, VDEV_OK);
    /* The header is the one by which the client decided, the rest the device's to spoil. */
    ck_assert(holds(user.bytes, 14, 3));
    ck_assert_uint_eq(user.bytes[14], 0xBB);
    ck_assert_uint_eq(user.bytes[199], 0xBB);
    ck_assert_uint_eq(user.bytes[200], 0xEE);
    ck_assert_uint_eq(frontend.receive.free_count, QUEUE - RECEIVE_COUNT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_frontend_arrivals");
    TCase *tests;

    tests = tcase_create("net front-end, hostile frames");
    tcase_add_checked_fixture(tests, setup_fake, teardown);
    tcase_add_test(tests, less_than_a_header);
    tcase_add_test(tests, counts_of_buffers_that_lie);
    tcase_add_test(tests, counts_of_buffers_do_not_matter_without_merging);
    tcase_add_test(tests, every_buffer_at_once);
    tcase_add_test(tests, empty_buffers_in_a_frame);
    tcase_add_test(tests, lengths_of_frames);
    tcase_add_test(tests, fields_that_make_no_sense);
    tcase_add_test(tests, offloads_that_were_not_negotiated);
    tcase_add_test(tests, what_changes_after_the_look_changes_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
