/* SPDX-License-Identifier: BSD-2-Clause */
/* The net back-end: what it offers, its configuration, and transmission for an honest driver. */
#include "support/net_driver.h"

/* ---- making one ---- */

START_TEST(init_refuses_what_cannot_be)
{
    static struct vdev_net_backend other;
    for (unsigned i = 0; i < 12; i++) {
        struct vdev_net_backend_configuration with = configuration();
        switch (i) {
        case 0:
            with.memory = NULL;
            break;
        case 1:
            with.net = NULL;
            break;
        case 2:
            with.slots = NULL;
            break;
        case 3:
            with.slot_count = 0;
            break;
        case 4:
            with.buffers = NULL;
            break;
        case 5:
            with.buffers_per_slot = 0;
            break;
        case 6:
            with.receive_buffers = NULL;
            break;
        case 7:
            with.receive_buffer_count = 0;
            break;
        case 8:
            with.receive_chains = NULL;
            break;
        case 9:
            with.receive_chain_count = 0;
            break;
        case 10:
            with.queue_size = 48;
            break;
        default:
            below.net.mtu = VDEV_NET_MTU_MINIMUM - 1;
            break;
        }
        ck_assert_msg(vdev_net_backend_init(&other, &with) == VDEV_ERROR_INVALID, "%u", i);
    }
    /* None of them has taken the class from the one that serves it. */
    below.net.mtu = 1500;
    check_alive();
}
END_TEST

START_TEST(offloads_are_offered_as_far_as_the_class_takes_them)
{
    const uint64_t always =
        ANY | CONTROLS | RECEIVES | MERGES | EVENT_INDEX | FEATURE(VIRTIO_F_VERSION_1);
    const struct {
        uint32_t takes;
        uint64_t offered;
    } cases[] = {
        {0, 0},
        {VDEV_NET_CHECKSUM, FEATURE(VIRTIO_NET_F_CSUM)},
        {VDEV_NET_TCP4, 0},
        {VDEV_NET_CHECKSUM | VDEV_NET_TCP4,
         FEATURE(VIRTIO_NET_F_CSUM) | FEATURE(VIRTIO_NET_F_HOST_TSO4)},
        {VDEV_NET_CHECKSUM | VDEV_NET_TCP6 | VDEV_NET_ECN, FEATURE(VIRTIO_NET_F_CSUM) |
                                                               FEATURE(VIRTIO_NET_F_HOST_TSO6) |
                                                               FEATURE(VIRTIO_NET_F_HOST_ECN)},
        {VDEV_NET_CHECKSUM | VDEV_NET_ECN, FEATURE(VIRTIO_NET_F_CSUM)},
        {VDEV_NET_CHECKSUM | VDEV_NET_UDP, FEATURE(VIRTIO_NET_F_CSUM) | FEATURE(HOST_USO)},
        {0x1f, SENDS},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        below.net.takes = cases[i].takes;
        connect();
        ck_assert_uint_eq(offered(), always | cases[i].offered);
    }
}
END_TEST

START_TEST(merging_is_not_offered_without_a_place_for_it)
{
    struct vdev_net_backend_configuration with = configuration();
    with.receive_chain_count = 1;
    ck_assert_int_eq(vdev_net_backend_init(&backend, &with), VDEV_OK);
    machine_connect(&machine, &backend.device);
    ck_assert_uint_eq(offered() & MERGES, 0);
    /* Nor are frames that no single buffer of the usual length holds; checksums are. */
    ck_assert_uint_eq(offered() & RECEIVES, FEATURE(VIRTIO_NET_F_GUEST_CSUM));
    /* With a place for it, all of them are. */
    with.receive_chain_count = 2;
    ck_assert_int_eq(vdev_net_backend_init(&backend, &with), VDEV_OK);
    machine_connect(&machine, &backend.device);
    ck_assert_uint_eq(offered() & (MERGES | RECEIVES), MERGES | RECEIVES);
}
END_TEST

START_TEST(the_configuration_tells_of_address_link_and_mtu)
{
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_DEVICE_ID), 1);
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_uint_eq(vdev_io_read8(&machine.io, VIRTIO_MMIO_CONFIG + i), own_address[i]);
    }
    ck_assert_uint_eq(link_status(), VIRTIO_NET_S_LINK_UP);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, VIRTIO_MMIO_CONFIG + 10), 1500);
    /* Nothing of it may be written. */
    vdev_io_write8(&machine.io, VIRTIO_MMIO_CONFIG, 0x77);
    ck_assert_uint_eq(vdev_io_read8(&machine.io, VIRTIO_MMIO_CONFIG), own_address[0]);
}
END_TEST

START_TEST(the_mtu_never_changes_once_it_was_told)
{
    below.net.mtu = 9000;
    below.net.client.changed(below.net.client.owner);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, VIRTIO_MMIO_CONFIG + 10), 1500);
}
END_TEST

START_TEST(a_lost_link_is_told)
{
    acknowledge();
    uint32_t generation = machine_read32(&machine, VIRTIO_MMIO_CONFIG_GENERATION);
    below.net.link = false;
    below.net.client.changed(below.net.client.owner);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS), 2);
    ck_assert_uint_eq(link_status(), 0);
    ck_assert_uint_ne(machine_read32(&machine, VIRTIO_MMIO_CONFIG_GENERATION), generation);
    acknowledge();
    /* What is the same is not told again. */
    below.net.client.changed(below.net.client.owner);
    ck_assert(!machine.level);
    below.net.link = true;
    below.net.client.changed(below.net.client.owner);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS), 2);
    ck_assert_uint_eq(link_status(), VIRTIO_NET_S_LINK_UP);
}
END_TEST

START_TEST(an_announcement_is_asked_for_until_it_is_acknowledged)
{
    ck_assert_int_eq(vdev_net_backend_announce(&backend), VDEV_ERROR_UNSUPPORTED);
    start(ANY | FEATURE(VIRTIO_NET_F_GUEST_ANNOUNCE)); /* without its control queue */
    ck_assert_int_eq(vdev_net_backend_announce(&backend), VDEV_ERROR_UNSUPPORTED);
    start(CONTROLS); /* without a status to say it in */
    ck_assert_int_eq(vdev_net_backend_announce(&backend), VDEV_ERROR_UNSUPPORTED);
    start(ANY | CONTROLS);
    ck_assert_int_eq(vdev_net_backend_announce(&backend), VDEV_OK);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS), 2);
    ck_assert_uint_eq(link_status(), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
    /* A change of the link does not take it back. */
    below.net.link = false;
    below.net.client.changed(below.net.client.owner);
    ck_assert_uint_eq(link_status(), VIRTIO_NET_S_ANNOUNCE);
    ck_assert_int_eq(execute(VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0),
                     VIRTIO_NET_OK);
    ck_assert_uint_eq(link_status(), 0);
    /* Nor does it outlive its driver. */
    ck_assert_int_eq(vdev_net_backend_announce(&backend), VDEV_OK);
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_eq(link_status(), 0);
    ck_assert_int_eq(vdev_net_backend_announce(&backend), VDEV_ERROR_STATE);
}
END_TEST

/* ---- transmission ---- */

START_TEST(a_frame_goes_down_as_it_is_and_comes_back_when_it_is_sent)
{
    struct vdev_buffer packet = make_packet(NULL, 1514, 1);
    uint16_t head = add_packet(packet);
    raw_notify(&transmit);
    ck_assert_uint_eq(below.count, 1);
    /* The driver's own memory, at the address that DMA sees. */
    ck_assert_uint_eq(below.frames[0]->buffer_count, 1);
    ck_assert_ptr_eq(below.frames[0]->buffers[0].pointer, (uint8_t *)packet.pointer + HEADER);
    ck_assert_uint_eq(below.frames[0]->buffers[0].bus_address, packet.bus_address + HEADER);
    ck_assert_not_used(&transmit);
    ck_assert(!machine.level);
    below_complete(VDEV_OK);
    ck_assert_used(&transmit, head, 0);
    ck_assert_sent(packet);
    ck_assert_uint_eq(below.sent_offload.needs, 0);
    ck_assert(machine.level);
}
END_TEST

START_TEST(a_frame_that_failed_below_comes_back_as_well)
{
    uint16_t head = send_frame(NULL, 100, 1);
    below_complete(VDEV_ERROR_IO);
    ck_assert_used(&transmit, head, 0);
    check_alive();
}
END_TEST

START_TEST(header_and_frame_may_be_split_anywhere)
{
    for (size_t cut = 0; cut <= 40; cut++) {
        struct vdev_buffer packet = make_packet(NULL, 28, (uint32_t)cut);
        struct raw_piece pieces[2] = {
            {packet.bus_address, (uint32_t)cut, false},
            {packet.bus_address + cut, (uint32_t)(40 - cut), false},
        };
        uint16_t head = raw_add(&transmit, pieces, 2);
        raw_notify(&transmit);
        ck_assert_uint_eq(below.count, 1);
        below_complete(VDEV_OK);
        ck_assert_used(&transmit, head, 0);
        ck_assert_sent(packet);
    }
}
END_TEST

START_TEST(a_header_in_descriptors_of_a_byte_each)
{
    const struct virtio_net_hdr_v1 header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
    struct vdev_buffer packet = make_packet(&header, 600, 3);
    struct raw_piece pieces[PER_SLOT];
    start(ANY | SENDS);
    for (unsigned i = 0; i < PER_SLOT; i++) {
        pieces[i] = (struct raw_piece){packet.bus_address + i, 1, false};
    }
    pieces[PER_SLOT - 1].length = (uint32_t)packet.length - (PER_SLOT - 1);
    uint16_t head = raw_add(&transmit, pieces, PER_SLOT);
    raw_notify(&transmit);
    ck_assert_uint_eq(below.count, 1);
    below_complete(VDEV_OK);
    ck_assert_used(&transmit, head, 0);
    ck_assert_sent(packet);
    ck_assert_uint_eq(below.sent_offload.needs, VDEV_NET_CHECKSUM);
    ck_assert_uint_eq(below.sent_offload.checksum_start, 34);
    ck_assert_uint_eq(below.sent_offload.checksum_offset, 16);
}
END_TEST

START_TEST(a_frame_over_pieces_by_an_indirect_table)
{
    struct vdev_buffer packet = make_packet(NULL, 900, 9);
    struct vdev_buffer table = machine_allocate(&machine, 48, 16);
    struct vring_desc *entries = table.pointer;
    entries[0] = (struct vring_desc){packet.bus_address, 12, VRING_DESC_F_NEXT, 1};
    entries[1] = (struct vring_desc){packet.bus_address + 12, 400, VRING_DESC_F_NEXT, 2};
    entries[2] = (struct vring_desc){packet.bus_address + 412, 500, 0, 0};
    *raw_descriptor(&transmit, 0) =
        (struct vring_desc){table.bus_address, 48, VRING_DESC_F_INDIRECT, 0};
    raw_expose(&transmit, 0);
    raw_notify(&transmit);
    ck_assert_uint_eq(below.count, 1);
    ck_assert_uint_eq(below.frames[0]->buffer_count, 2); /* the header's is left out */
    below_complete(VDEV_OK);
    ck_assert_used(&transmit, 0, 0);
    ck_assert_sent(packet);
}
END_TEST

START_TEST(what_a_header_asks_for_is_passed_on)
{
    const struct {
        struct virtio_net_hdr_v1 header;
        uint8_t needs;
    } cases[] = {
        {{.flags = 1, .csum_start = 34, .csum_offset = 6}, VDEV_NET_CHECKSUM},
        /* hdr_len is a hint; flags that a driver has no business with are ignored. */
        {{.flags = 0xff, .hdr_len = 0xffff, .csum_start = 34, .csum_offset = 6}, VDEV_NET_CHECKSUM},
        {{.flags = 2, .csum_start = 0xffff, .csum_offset = 0xffff}, 0},
        {{.flags = 0, .hdr_len = 0xffff, .gso_size = 0xffff, .csum_start = 0xffff}, 0},
        {{.flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16},
         VDEV_NET_CHECKSUM | VDEV_NET_TCP4},
        {{.flags = 1, .gso_type = 0x81, .gso_size = 1, .csum_start = 34, .csum_offset = 16},
         VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_ECN},
        {{.flags = 1, .gso_type = 4, .gso_size = 1428, .csum_start = 54, .csum_offset = 16},
         VDEV_NET_CHECKSUM | VDEV_NET_TCP6},
        {{.flags = 1, .gso_type = 0x84, .gso_size = 1428, .csum_start = 54, .csum_offset = 16},
         VDEV_NET_CHECKSUM | VDEV_NET_TCP6 | VDEV_NET_ECN},
        {{.flags = 1, .gso_type = 5, .gso_size = 1472, .csum_start = 34, .csum_offset = 6},
         VDEV_NET_CHECKSUM | VDEV_NET_UDP},
        {{.flags = 0, .gso_type = 0x80}, 0},
    };
    start(ANY | SENDS);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct virtio_net_hdr_v1 *header = &cases[i].header;
        bool segmented = (cases[i].needs & ~(VDEV_NET_CHECKSUM | VDEV_NET_ECN)) != 0;
        send_frame(header, segmented ? 9000 : 1000, i);
        ck_assert_msg(below.count == 1, "case %u", i);
        below_complete(VDEV_OK);
        ck_assert_uint_eq(below.sent_offload.needs, cases[i].needs);
        ck_assert_uint_eq(below.sent_offload.segment_size, segmented ? header->gso_size : 0);
        if (cases[i].needs != 0) {
            ck_assert_uint_eq(below.sent_offload.checksum_start, header->csum_start);
            ck_assert_uint_eq(below.sent_offload.checksum_offset, header->csum_offset);
        }
        ck_assert(!below.sent_offload.checksum_valid);
    }
    check_alive();
}
END_TEST

START_TEST(the_longest_frames)
{
    const struct virtio_net_hdr_v1 header = {
        .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16};
    start(ANY | SENDS);
    send_frame(NULL, 1518, 1); /* with a VLAN tag */
    below_complete(VDEV_OK);
    ck_assert_uint_eq(below.sent_length, 1518);
    struct vdev_buffer packet = make_packet(&header, VDEV_NET_SEGMENTED_BYTES, 1);
    add_packet(packet);
    raw_notify(&transmit);
    below_complete(VDEV_OK);
    ck_assert_sent(packet);
    for (unsigned i = 0; i < VDEV_NET_DROP_REASONS; i++) {
        ck_assert_uint_eq(backend.transmit_dropped[i], 0);
    }
}
END_TEST

/* ---- who waits for whom ---- */

static bool is_armed(struct raw_queue *queue)
{
    return (raw_used(queue)->flags & VRING_USED_F_NO_NOTIFY) == 0;
}

START_TEST(notifications_are_asked_for_only_with_nothing_in_flight)
{
    ck_assert(is_armed(&transmit));
    send_frame(NULL, 100, 1);
    ck_assert(!is_armed(&transmit));
    /* Without a notification: seen when the first completes. */
    add_packet(make_packet(NULL, 101, 2));
    ck_assert_uint_eq(below.count, 1);
    below_complete(VDEV_OK);
    ck_assert_uint_eq(below.count, 1);
    ck_assert(!is_armed(&transmit));
    below_complete(VDEV_OK);
    ck_assert_uint_eq(below.sent_length, 101);
    ck_assert(is_armed(&transmit));
    ck_assert_uint_eq(raw_used(&transmit)->idx, 2);
}
END_TEST

/* As a driver with the event index: notify only if the device asked for this entry. */
static bool wants(struct raw_queue *queue)
{
    uint16_t event;
    memcpy(&event, &raw_used(queue)->ring[queue->size], sizeof event);
    uint16_t now = raw_available(queue)->idx;
    return (uint16_t)(now - event - 1) < 1;
}

START_TEST(bulk_takes_one_notification)
{
    unsigned notifications = 0;
    start(ANY | EVENT_INDEX);
    struct vdev_buffer packet = make_packet(NULL, 1514, 1);
    for (unsigned i = 0; i < 70000; i++) {
        add_packet(packet);
        if (wants(&transmit)) {
            notifications++;
            raw_notify(&transmit);
        }
        /* The class is slower than the driver until the ring is half full. */
        if (i >= 32) {
            below_complete(VDEV_OK);
        }
    }
    while (below.count != 0) {
        below_complete(VDEV_OK);
    }
    ck_assert_uint_eq(raw_used(&transmit)->idx, 70000 % 65536);
    /* One to begin with, and one each time that the index comes round. */
    ck_assert_uint_le(notifications, 3);
    ck_assert_uint_ge(notifications, 1);
    /* And now that it is idle it asks for the next. */
    add_packet(packet);
    ck_assert(wants(&transmit));
}
END_TEST

START_TEST(interrupts_follow_the_event_index)
{
    start(ANY | EVENT_INDEX);
    uint16_t *used_event = &raw_available(&transmit)->ring[MACHINE_QUEUE];
    acknowledge();
    *used_event = 2; /* after the third */
    for (unsigned i = 0; i < 4; i++) {
        send_frame(NULL, 100, i);
        below_complete(VDEV_OK);
        ck_assert(acknowledge() == (i == 2));
    }
}
END_TEST

START_TEST(more_frames_than_slots_wait_in_the_ring)
{
    uint16_t heads[10];
    struct vdev_buffer packets[10];
    for (unsigned i = 0; i < 10; i++) {
        packets[i] = make_packet(NULL, 60 + i, i);
        heads[i] = add_packet(packets[i]);
    }
    raw_notify(&transmit);
    ck_assert_uint_eq(below.count, SLOTS);
    for (unsigned i = 0; i < 10; i++) {
        below_complete(VDEV_OK);
        ck_assert_used(&transmit, heads[i], 0);
        ck_assert_sent(packets[i]);
    }
    ck_assert_uint_eq(below.count, 0);
    ck_assert_uint_eq(backend.queues[1].live.chains, 10);
}
END_TEST

START_TEST(a_full_class_is_resumed_by_writable)
{
    below.capacity = 2;
    uint16_t heads[6];
    for (unsigned i = 0; i < 6; i++) {
        heads[i] = add_packet(make_packet(NULL, 60 + i, i));
    }
    raw_notify(&transmit);
    ck_assert_uint_eq(below.count, 2);
    raw_notify(&transmit); /* impatience does not double anything */
    ck_assert_uint_eq(below.count, 2);
    for (unsigned i = 0; i < 6; i++) {
        below_complete(VDEV_OK);
        ck_assert_uint_eq(below.sent_length, 60 + i);
        ck_assert_used(&transmit, heads[i], 0);
    }
    check_alive();
}
END_TEST

START_TEST(full_with_nothing_of_ours_in_flight)
{
    below.capacity = 0;
    uint16_t head = send_frame(NULL, 100, 1);
    ck_assert_uint_eq(below.count, 0);
    ck_assert_not_used(&transmit);
    ck_assert_uint_eq(backend.transmit_dropped[VDEV_NET_DROP_FULL], 0);
    ck_assert(!backend.queues[1].deferred); /* the class resumes it, and not the device's poll */
    below.capacity = 1;
    below.full = false;
    below.net.client.writable(below.net.client.owner);
    below_complete(VDEV_OK);
    ck_assert_used(&transmit, head, 0);
    check_alive();
}
END_TEST

START_TEST(frames_of_before_the_driver_was_ready_are_sent_when_it_is)
{
    raw_begin(&machine, ANY);
    raw_start(&transmit);
    add_packet(make_packet(NULL, 100, 1));
    ck_assert_uint_eq(below.count, 0);
    raw_finish(&machine);
    ck_assert_uint_eq(below.count, 1);
    below_complete(VDEV_OK);
}
END_TEST

/* ---- resets ---- */

START_TEST(a_reset_with_frames_in_flight)
{
    for (unsigned i = 0; i < 6; i++) {
        add_packet(make_packet(NULL, 100 + i, i));
    }
    raw_notify(&transmit);
    ck_assert_uint_eq(below.count, SLOTS);
    start(ANY);
    /* Not one slot is free: the new driver's frame waits for one, and is not lost. */
    uint16_t head = send_frame(NULL, 500, 9);
    ck_assert_uint_eq(below.count, SLOTS);
    acknowledge();
    below_complete(VDEV_OK); /* of the old ring */
    ck_assert_not_used(&transmit);
    ck_assert(!machine.level);
    ck_assert_uint_eq(below.count, SLOTS);
    for (unsigned i = 1; i < SLOTS; i++) {
        below_complete(VDEV_ERROR_ABSENT);
        ck_assert_not_used(&transmit);
    }
    below_complete(VDEV_OK);
    ck_assert_uint_eq(below.sent_length, 500);
    ck_assert_used(&transmit, head, 0);
    check_alive();
}
END_TEST

START_TEST(a_reset_while_the_class_is_full)
{
    below.capacity = 1;
    for (unsigned i = 0; i < 3; i++) {
        add_packet(make_packet(NULL, 100 + i, i));
    }
    raw_notify(&transmit);
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0);
    below_complete(VDEV_OK); /* and writable */
    ck_assert_uint_eq(below.count, 0);
    start(ANY);
    check_alive();
}
END_TEST

START_TEST(a_queue_taken_back_with_frames_in_flight)
{
    send_frame(NULL, 100, 1);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_SEL, 1);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 0);
    uint16_t before = raw_used(&transmit)->idx;
    below_complete(VDEV_OK);
    ck_assert_uint_eq(raw_used(&transmit)->idx, before);
    start(ANY);
    check_alive();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_backend");
    TCase *tests = add_case(suite, "configuration");
    tcase_add_test(tests, init_refuses_what_cannot_be);
    tcase_add_test(tests, offloads_are_offered_as_far_as_the_class_takes_them);
    tcase_add_test(tests, merging_is_not_offered_without_a_place_for_it);
    tcase_add_test(tests, the_configuration_tells_of_address_link_and_mtu);
    tcase_add_test(tests, the_mtu_never_changes_once_it_was_told);
    tcase_add_test(tests, a_lost_link_is_told);
    tcase_add_test(tests, an_announcement_is_asked_for_until_it_is_acknowledged);
    tests = add_case(suite, "transmission");
    tcase_add_test(tests, a_frame_goes_down_as_it_is_and_comes_back_when_it_is_sent);
    tcase_add_test(tests, a_frame_that_failed_below_comes_back_as_well);
    tcase_add_test(tests, header_and_frame_may_be_split_anywhere);
    tcase_add_test(tests, a_header_in_descriptors_of_a_byte_each);
    tcase_add_test(tests, a_frame_over_pieces_by_an_indirect_table);
    tcase_add_test(tests, what_a_header_asks_for_is_passed_on);
    tcase_add_test(tests, the_longest_frames);
    tcase_add_test(tests, notifications_are_asked_for_only_with_nothing_in_flight);
    tcase_add_test(tests, bulk_takes_one_notification);
    tcase_add_test(tests, interrupts_follow_the_event_index);
    tcase_add_test(tests, more_frames_than_slots_wait_in_the_ring);
    tcase_add_test(tests, a_full_class_is_resumed_by_writable);
    tcase_add_test(tests, full_with_nothing_of_ours_in_flight);
    tcase_add_test(tests, frames_of_before_the_driver_was_ready_are_sent_when_it_is);
    tests = add_case(suite, "resets");
    tcase_add_test(tests, a_reset_with_frames_in_flight);
    tcase_add_test(tests, a_reset_while_the_class_is_full);
    tcase_add_test(tests, a_queue_taken_back_with_frames_in_flight);
    return run(suite);
}
