/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net front-end against the device's end of its rings: what it tells the device, what it sends,
 * and how it ends. Reception is in net_frontend_receive.c, devices that break the rules in
 * net_frontend_hostile.c and net_frontend_arrivals.c, our own back-end in net_frontend_pair.c.
 */
#include "support/net_device.h"

/* ---- what it says of itself ---- */

START_TEST(learns_what_the_device_is)
{
    const uint8_t address[] = {0x52, 0x54, 0, 0xaa, 0xbb, 0xcc};

    ck_assert_mem_eq(frontend.net.address, address, 6);
    ck_assert_uint_eq(frontend.net.mtu, 1500);
    ck_assert_uint_eq(frontend.net.takes, 0);
    ck_assert_uint_eq(frontend.net.maximum_buffers, PIECES - 1);
    ck_assert(frontend.net.link);
    space[10] = 0x00;
    space[11] = 0x05; /* 1280 */
    space[6] = 0;
    connect(EVERYTHING);
    ck_assert_uint_eq(frontend.net.mtu, 1280);
    ck_assert(!frontend.net.link);
    ck_assert_uint_eq(frontend.net.takes, 0x1f);
    connect(1ull << VIRTIO_NET_F_MRG_RXBUF);
    ck_assert_mem_eq(frontend.net.address, configuration.address, 6);
    ck_assert_uint_eq(frontend.net.mtu, 1500);
    ck_assert(frontend.net.link);
    ck_assert_uint_eq(machine.aborts, 0);
    ck_assert_uint_eq(device.refused, 0);
}
END_TEST

START_TEST(hears_of_the_link)
{
    struct outgoing outgoing;
    struct virtio_net_hdr_v1 header;

    space[6] = 0;
    vdev_virtio_device_configuration_changed(&device);
    ck_assert(machine.level);
    poll_all();
    ck_assert(!machine.level);
    ck_assert_uint_eq(user.changed, 1);
    ck_assert(!frontend.net.link);
    /* Frames go to the device, complete, and are counted as what they are. */
    ck_assert_int_eq(send_frame(&outgoing, data(60, 1)), VDEV_OK);
    ck_assert(send_next(&header));
    poll_all();
    ck_assert_ended(&outgoing, VDEV_OK);
    ck_assert_uint_eq(frontend.net.sent.frames, 0);
    ck_assert_uint_eq(frontend.net.sent.dropped[VDEV_NET_DROP_NO_LINK], 1);
    space[6] = 1;
    vdev_virtio_device_configuration_changed(&device);
    poll_all();
    ck_assert(frontend.net.link);
    ck_assert_uint_eq(user.changed, 2);
    /* Something else changed. */
    vdev_virtio_device_configuration_changed(&device);
    poll_all();
    ck_assert_uint_eq(user.changed, 2);
}
END_TEST

/* ---- sending ---- */

START_TEST(frames_go_out_behind_an_empty_header)
{
    const struct virtio_net_hdr_v1 empty = {0};
    const uint32_t lengths[] = {14, 15, 60, 1514, 1518};
    struct virtio_net_hdr_v1 header;
    struct outgoing outgoing;

    for (unsigned i = 0; i < 5; i++) {
        struct vdev_buffer bytes = data(lengths[i], i);
        ck_assert_int_eq(send_frame(&outgoing, bytes), VDEV_OK);
        ck_assert_uint_eq(notified[TRANSMIT], i + 1);
        ck_assert_uint_eq(outgoing.completed, 0);
        ck_assert(send_next(&header));
        ck_assert_uint_eq(chain.readable_count, 2);
        ck_assert_ptr_eq(chain.buffers[1].pointer, bytes.pointer); /* nothing is copied */
        ck_assert_mem_eq(&header, &empty, sizeof header);
        ck_assert_uint_eq(wire_length, lengths[i]);
        ck_assert(holds(wire, lengths[i], i));
        ck_assert(machine.level);
        poll_all();
        ck_assert_ended(&outgoing, VDEV_OK);
    }
    ck_assert_uint_eq(frontend.net.sent.frames, 5);
    ck_assert_uint_eq(frontend.net.sent.bytes, 14 + 15 + 60 + 1514 + 1518);
}
END_TEST

START_TEST(a_frame_in_many_pieces)
{
    struct vdev_buffer bytes = data(1000, 9);
    struct virtio_net_hdr_v1 header;
    struct outgoing outgoing;

    make(&outgoing, bytes);
    const size_t cuts[] = {0, 1, 13, 14, 14, 35, 500, 501, 999, 1000};
    for (unsigned i = 0; i < PIECES - 1; i++) {
        outgoing.buffers[i] = (struct vdev_buffer){
            (uint8_t *)bytes.pointer + cuts[i], cuts[i + 1] - cuts[i], bytes.bus_address + cuts[i]};
    }
    outgoing.frame.buffer_count = PIECES - 1;
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_OK);
    ck_assert(send_next(&header));
    ck_assert_uint_eq(wire_length, 1000);
    ck_assert(holds(wire, 1000, 9));
    /* The same without indirect tables, and one piece more than may be. */
    outgoing.buffers[PIECES - 1] = (struct vdev_buffer){NULL, 0, VDEV_NO_BUS_ADDRESS};
    poll_all();
    outgoing.frame.buffer_count = PIECES;
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(offloads_become_the_fields_of_the_header)
{
    static const struct {
        struct vdev_net_offload offload;
        uint8_t byte; /* of TCP's data offset */
        struct virtio_net_hdr_v1 header;
    } cases[] = {
        {{.needs = VDEV_NET_CHECKSUM, .checksum_start = 34, .checksum_offset = 6},
         0,
         {.flags = 1, .csum_start = 34, .csum_offset = 6}},
        {{VDEV_NET_CHECKSUM | VDEV_NET_TCP4, false, 1448, 34, 16},
         0x80,
         {.flags = 1,
          .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
          .hdr_len = 34 + 32,
          .gso_size = 1448,
          .csum_start = 34,
          .csum_offset = 16}},
        {{VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_ECN, false, 536, 34, 16},
         0x50,
         {.flags = 1,
          .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
          .hdr_len = 54,
          .gso_size = 536,
          .csum_start = 34,
          .csum_offset = 16}},
        {{VDEV_NET_CHECKSUM | VDEV_NET_TCP6, false, 1220, 54, 16},
         0x50,
         {.flags = 1,
          .gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
          .hdr_len = 74,
          .gso_size = 1220,
          .csum_start = 54,
          .csum_offset = 16}},
        {{VDEV_NET_CHECKSUM | VDEV_NET_UDP, false, 1200, 34, 6},
         0,
         {.flags = 1,
          .gso_type = 5,
          .hdr_len = 42,
          .gso_size = 1200,
          .csum_start = 34,
          .csum_offset = 6}},
    };
    struct vdev_buffer bytes = data(20000, 1);
    struct virtio_net_hdr_v1 header;
    struct outgoing outgoing;

    connect(EVERYTHING);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct vdev_net_offload *offload = &cases[i].offload;
        bool segmented = offload->segment_size != 0;
        make(&outgoing,
             (struct vdev_buffer){bytes.pointer, segmented ? 20000 : 200, bytes.bus_address});
        ((uint8_t *)bytes.pointer)[offload->checksum_start + 12] = cases[i].byte;
        outgoing.frame.offload = *offload;
        ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_OK);
        ck_assert(send_next(&header));
        ck_assert_mem_eq(&header, &cases[i].header, sizeof header);
        ck_assert_uint_eq(wire_length, outgoing.frame.length);
        ck_assert_mem_eq(wire, bytes.pointer, wire_length);
        poll_all();
        ck_assert_ended(&outgoing, VDEV_OK);
    }
    /* A header that says that it is longer than the frame: the hint stays inside. */
    make(&outgoing, (struct vdev_buffer){bytes.pointer, 60, bytes.bus_address});
    ((uint8_t *)bytes.pointer)[34 + 12] = 0xf0;
    outgoing.frame.offload = cases[1].offload;
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_OK);
    ck_assert(send_next(&header));
    ck_assert_uint_eq(header.hdr_len, 60);
}
END_TEST

START_TEST(submit_refuses_what_it_cannot_do)
{
    struct vdev_buffer bytes = data(70000, 1);
    struct outgoing outgoing;

    bytes.length = 1519;
    ck_assert_int_eq(send_frame(&outgoing, bytes), VDEV_ERROR_RANGE);
    bytes.length = 13;
    ck_assert_int_eq(send_frame(&outgoing, bytes), VDEV_ERROR_INVALID);
    bytes.length = 100;
    make(&outgoing, bytes);
    outgoing.frame.length = 99;
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_ERROR_INVALID);
    make(&outgoing, bytes);
    outgoing.buffers[0].bus_address = VDEV_NO_BUS_ADDRESS;
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_ERROR_INVALID);
    /* Nothing was negotiated. */
    const uint8_t kinds[] = {0, VDEV_NET_TCP4, VDEV_NET_TCP6, VDEV_NET_UDP,
                             VDEV_NET_TCP4 | VDEV_NET_ECN};
    for (unsigned i = 0; i < sizeof kinds; i++) {
        make(&outgoing, bytes);
        outgoing.frame.offload = (struct vdev_net_offload){VDEV_NET_CHECKSUM | kinds[i], false,
                                                           kinds[i] == 0 ? 0 : 100, 34, 6};
        ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_ERROR_UNSUPPORTED);
    }
    /* All but one. */
    connect(EVERYTHING & ~(1ull << VIRTIO_NET_F_HOST_TSO6));
    outgoing.frame.offload =
        (struct vdev_net_offload){VDEV_NET_CHECKSUM | VDEV_NET_TCP6, false, 100, 54, 16};
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_ERROR_UNSUPPORTED);
    outgoing.frame.offload.checksum_start = 85;
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_ERROR_INVALID);
    ck_assert_int_eq(take(TRANSMIT), VDEV_ERROR_EMPTY);
    ck_assert_uint_eq(frontend.in_flight, 0);
}
END_TEST

START_TEST(full_then_writable)
{
    struct outgoing outgoing[TRANSMISSIONS + 1];
    struct virtio_net_hdr_v1 header;

    for (unsigned i = 0; i < TRANSMISSIONS; i++) {
        ck_assert_int_eq(send_frame(&outgoing[i], data(60, i)), VDEV_OK);
    }
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(send_frame(&outgoing[TRANSMISSIONS], data(60, TRANSMISSIONS)),
                         VDEV_ERROR_FULL);
        poll_all();
        ck_assert_uint_eq(user.writable, 0);
    }
    ck_assert(send_next(&header));
    ck_assert(machine.level);
    poll_all();
    ck_assert_ended(&outgoing[0], VDEV_OK);
    ck_assert_uint_eq(user.writable, 1);
    poll_all();
    ck_assert_uint_eq(user.writable, 1);
    ck_assert_int_eq(send_frame(&outgoing[TRANSMISSIONS], data(60, TRANSMISSIONS)), VDEV_OK);
    for (unsigned i = 1; i <= TRANSMISSIONS; i++) {
        ck_assert(send_next(&header));
        ck_assert(holds(wire, 60, i));
    }
    poll_all();
    for (unsigned i = 0; i <= TRANSMISSIONS; i++) {
        ck_assert_ended(&outgoing[i], VDEV_OK);
    }
}
END_TEST

START_TEST(a_ring_without_room_is_full_too)
{
    struct outgoing outgoing[TRANSMISSIONS];
    struct virtio_net_hdr_v1 header;
    unsigned sent = 0;
    int status = VDEV_OK;

    /* No tables: ten descriptors for each frame. */
    configuration.transmit_queue.indirect_count = 0;
    connect(SIMPLE | 1ull << VIRTIO_NET_F_MRG_RXBUF);
    while (status == VDEV_OK) {
        struct vdev_buffer bytes = data(90, sent);
        make(&outgoing[sent], bytes);
        for (unsigned i = 0; i < PIECES - 1; i++) {
            outgoing[sent].buffers[i] = (struct vdev_buffer){(uint8_t *)bytes.pointer + 10 * i, 10,
                                                             bytes.bus_address + 10 * i};
        }
        outgoing[sent].frame.buffer_count = PIECES - 1;
        status = vdev_net_submit(&frontend.net, &outgoing[sent].frame);
        sent += status == VDEV_OK;
    }
    ck_assert_int_eq(status, VDEV_ERROR_FULL);
    ck_assert_uint_eq(sent, QUEUE / PIECES);
    ck_assert(send_next(&header));
    poll_all();
    ck_assert_uint_eq(user.writable, 1);
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing[sent].frame), VDEV_OK);
    for (unsigned i = 1; i <= sent; i++) {
        ck_assert(send_next(&header));
        ck_assert(holds(wire, 90, i));
    }
    poll_all();
    ck_assert_uint_eq(frontend.transmit.free_count, QUEUE);
}
END_TEST

START_TEST(a_completion_may_submit_but_not_poll)
{
    struct outgoing first, second;
    struct virtio_net_hdr_v1 header;

    make(&second, data(60, 2));
    ck_assert_int_eq(send_frame(&first, data(60, 1)), VDEV_OK);
    first.again = &second;
    first.polls = true;
    ck_assert(send_next(&header));
    poll_all();
    ck_assert_ended(&first, VDEV_OK);
    ck_assert_int_eq(first.again_status, VDEV_OK);
    ck_assert_uint_eq(notified[TRANSMIT], 2); /* when poll was done */
    ck_assert(send_next(&header));
    ck_assert(holds(wire, 60, 2));
    poll_all();
    ck_assert_ended(&second, VDEV_OK);
}
END_TEST

START_TEST(what_completions_submit_is_notified_once)
{
    struct outgoing first[3], second[3];
    struct virtio_net_hdr_v1 header;

    device.offered &= ~(1ull << VIRTIO_RING_F_EVENT_IDX);
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_OK);
    user_init();
    for (unsigned i = 0; i < 3; i++) {
        make(&second[i], data(60, i));
        ck_assert_int_eq(send_frame(&first[i], data(60, i)), VDEV_OK);
        first[i].again = &second[i];
    }
    while (send_next(&header)) {
    }
    unsigned before = notified[TRANSMIT];
    poll_all();
    ck_assert_uint_eq(notified[TRANSMIT], before + 1);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(send_next(&header));
        ck_assert(holds(wire, 60, i));
    }
}
END_TEST

/* ---- commands ---- */

static void expect_command(uint8_t class, uint8_t command, int value)
{
    uint8_t bytes[3] = {0};
    uint8_t ok = VIRTIO_NET_OK;

    ck_assert_int_eq(take(CONTROL), VDEV_OK);
    struct vdev_cursor reader = vdev_chain_reader(&chain);
    size_t length = vdev_cursor_read(&reader, bytes, sizeof bytes);
    ck_assert_uint_eq(length, value < 0 ? 2 : 3);
    ck_assert_uint_eq(bytes[0], class);
    ck_assert_uint_eq(bytes[1], command);
    ck_assert(value < 0 || bytes[2] == value);
    struct vdev_cursor writer = vdev_chain_writer(&chain);
    ck_assert_uint_eq(vdev_cursor_write(&writer, &ok, 1), 1);
    give(CONTROL, 1);
    vdev_virtio_device_signal(&device, CONTROL);
    ck_assert(machine.level);
    poll_all();
}

static void expect_mode(bool all_multicast, bool promiscuous)
{
    expect_command(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, all_multicast);
    expect_command(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, promiscuous);
    ck_assert_int_eq(take(CONTROL), VDEV_ERROR_EMPTY);
}

START_TEST(receive_modes_are_told_one_command_at_a_time)
{
    connect(EVERYTHING);
    ck_assert_uint_eq(notified[CONTROL], 1);
    expect_mode(false, false);
    ck_assert_int_eq(vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL), VDEV_OK);
    expect_mode(false, true);
    ck_assert_int_eq(vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL_MULTICAST),
                     VDEV_OK);
    expect_mode(true, false);
    /* Changed again under way: what is wanted in the end is what the device hears in the end. */
    ck_assert_int_eq(vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL), VDEV_OK);
    ck_assert_int_eq(vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_OWN), VDEV_OK);
    expect_command(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, false);
    expect_mode(false, false);
    ck_assert_uint_eq(frontend.refused, 0);
}
END_TEST

START_TEST(an_announcement_is_told_and_acknowledged)
{
    connect(EVERYTHING);
    expect_mode(false, false);
    space[6] = VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE;
    vdev_virtio_device_configuration_changed(&device);
    poll_all();
    ck_assert_uint_eq(user.changed, 1);
    ck_assert_uint_eq(frontend.announcements, 1);
    space[6] = VIRTIO_NET_S_LINK_UP;
    expect_command(VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, -1);
    ck_assert_int_eq(take(CONTROL), VDEV_ERROR_EMPTY);
}
END_TEST

START_TEST(stop_gives_everything_back)
{
    struct outgoing outgoing[TRANSMISSIONS];
    struct virtio_net_hdr_v1 header;

    for (unsigned i = 0; i < TRANSMISSIONS; i++) {
        ck_assert_int_eq(send_frame(&outgoing[i], data(60, i)), VDEV_OK);
    }
    ck_assert_int_eq(vdev_net_frontend_stop(&frontend), VDEV_OK);
    for (unsigned i = 0; i < TRANSMISSIONS; i++) {
        ck_assert_ended(&outgoing[i], VDEV_ERROR_ABSENT);
    }
    ck_assert_uint_eq(device.status, 0);
    ck_assert(!frontend.net.link);
    ck_assert(!send_next(&header));
    ck_assert_int_eq(send_frame(&outgoing[0], data(60, 1)), VDEV_ERROR_ABSENT);
    ck_assert(!vdev_net_poll(&frontend.net));
    ck_assert_int_eq(vdev_net_frontend_stop(&frontend), VDEV_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_frontend");
    TCase *tests;

    tests = tcase_create("net front-end");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, learns_what_the_device_is);
    tcase_add_test(tests, hears_of_the_link);
    tcase_add_test(tests, frames_go_out_behind_an_empty_header);
    tcase_add_test(tests, a_frame_in_many_pieces);
    tcase_add_test(tests, offloads_become_the_fields_of_the_header);
    tcase_add_test(tests, submit_refuses_what_it_cannot_do);
    tcase_add_test(tests, full_then_writable);
    tcase_add_test(tests, a_ring_without_room_is_full_too);
    tcase_add_test(tests, a_completion_may_submit_but_not_poll);
    tcase_add_test(tests, what_completions_submit_is_notified_once);
    tcase_add_test(tests, receive_modes_are_told_one_command_at_a_time);
    tcase_add_test(tests, an_announcement_is_told_and_acknowledged);
    tcase_add_test(tests, stop_gives_everything_back);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
