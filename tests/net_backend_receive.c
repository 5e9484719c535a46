/* SPDX-License-Identifier: BSD-2-Clause */
/* The net back-end's reception: room, merged buffers, offloads, waiting for room, and resets. */
#include "support/net_driver.h"

#define LONG_FRAME 65000u

static uint8_t frame[LONG_FRAME];

static const struct vdev_net_offload tcp4 = {
    .needs = VDEV_NET_CHECKSUM | VDEV_NET_TCP4,
    .segment_size = 1448,
    .checksum_start = 34,
    .checksum_offset = 16,
};

static bool is_armed(void)
{
    return (raw_used(&receive)->flags & VRING_USED_F_NO_NOTIFY) == 0;
}

static unsigned dropped(enum vdev_net_drop reason)
{
    return backend.receive_dropped[reason];
}

static unsigned dropped_in_all(void)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < VDEV_NET_DROP_REASONS; i++) {
        sum += backend.receive_dropped[i];
    }
    return sum;
}

/* ---- one buffer for each frame ---- */

START_TEST(a_frame_goes_straight_into_the_drivers_buffer)
{
    make_frame(frame, 1514, own_address, 1);
    struct vdev_buffer room = add_room(1526);
    ck_assert_int_eq(below_offer(frame, 1514, NULL), VDEV_OK);
    ck_assert_uint_eq(accepted.buffer_count, 1);
    ck_assert_ptr_eq(accepted.buffers[0].pointer, (uint8_t *)room.pointer + HEADER);
    ck_assert_uint_eq(accepted.buffers[0].length, 1514);
    ck_assert_uint_eq(accepted.buffers[0].bus_address, room.bus_address + HEADER);
    ck_assert_not_used(&receive);
    below_deliver(frame, 1514, VDEV_OK);
    ck_assert_used(&receive, 0, 1526);
    ck_assert_received(room, frame, 1514);
    ck_assert(machine.level);
    ck_assert_uint_eq(dropped_in_all(), 0);
}
END_TEST

START_TEST(what_is_past_the_frame_stays_untouched)
{
    make_frame(frame, 60, own_address, 1);
    struct vdev_buffer room = add_room(1526);
    ck_assert_int_eq(below_receive(frame, 60, NULL), VDEV_OK);
    ck_assert_used(&receive, 0, 72);
    ck_assert_uint_eq(((uint8_t *)room.pointer)[72], 0xee);
}
END_TEST

START_TEST(header_and_frame_may_be_split_anywhere)
{
    start(ANY | RECEIVES);
    for (unsigned cut = 0; cut <= 40; cut++) {
        make_frame(frame, 28, own_address, cut);
        struct vdev_buffer room = machine_allocate(&machine, 40, 4);
        struct raw_piece pieces[2] = {
            {room.bus_address, cut, true},
            {room.bus_address + cut, 40 - cut, true},
        };
        uint16_t head = raw_add(&receive, pieces, 2);
        ck_assert_int_eq(below_receive(frame, 28, NULL), VDEV_OK);
        ck_assert_used(&receive, head, 40);
        ck_assert_received(room, frame, 28);
    }
}
END_TEST

START_TEST(buffers_of_a_byte_each)
{
    struct raw_piece pieces[60];
    struct vdev_buffer room = machine_allocate(&machine, 60, 4);
    for (unsigned i = 0; i < 60; i++) {
        pieces[i] = (struct raw_piece){room.bus_address + i, 1, true};
    }
    make_frame(frame, 48, own_address, 5);
    uint16_t head = raw_add(&receive, pieces, 60);
    ck_assert_int_eq(below_receive(frame, 48, NULL), VDEV_OK);
    ck_assert_used(&receive, head, 60);
    ck_assert_received(room, frame, 48);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_stays_for_a_smaller_frame)
{
    make_frame(frame, 1514, own_address, 1);
    struct vdev_buffer room = add_room(200);
    ck_assert_int_eq(below_offer(frame, 1514, NULL), VDEV_ERROR_RANGE);
    ck_assert_uint_eq(dropped(VDEV_NET_DROP_NO_ROOM), 1);
    ck_assert_not_used(&receive);
    ck_assert_int_eq(below_receive(frame, 188, NULL), VDEV_OK);
    ck_assert_used(&receive, 0, 200);
    ck_assert_received(room, frame, 188);
}
END_TEST

START_TEST(a_frame_that_failed_on_the_way_leaves_its_buffer)
{
    make_frame(frame, 1514, own_address, 1);
    struct vdev_buffer room = add_room(1526);
    ck_assert_int_eq(below_offer(frame, 1514, NULL), VDEV_OK);
    below_deliver(frame, 100, VDEV_ERROR_IO);
    ck_assert_not_used(&receive);
    ck_assert(!machine.level);
    make_frame(frame, 300, own_address, 2);
    ck_assert_int_eq(below_receive(frame, 300, NULL), VDEV_OK);
    ck_assert_used(&receive, 0, 312);
    ck_assert_received(room, frame, 300);
}
END_TEST

/* ---- several buffers for a frame ---- */

START_TEST(a_frame_over_many_small_buffers)
{
    struct vdev_buffer rooms[16];
    start(ANY | MERGES);
    for (unsigned i = 0; i < 16; i++) {
        rooms[i] = add_room(100);
    }
    make_frame(frame, 1514, own_address, 3);
    ck_assert_int_eq(below_receive(frame, 1514, NULL), VDEV_OK);
    ck_assert_uint_eq(raw_used(&receive)->idx, 16);
    ck_assert_uint_eq(header_of(rooms[0]).num_buffers, 16);
    size_t at = 0;
    for (uint16_t i = 0; i < 16; i++) {
        size_t skip = i == 0 ? HEADER : 0;
        uint32_t length = i == 15 ? 1526 - 1500 : 100;
        ck_assert_used(&receive, i, length);
        ck_assert_mem_eq((uint8_t *)rooms[i].pointer + skip, frame + at, length - skip);
        at += length - skip;
    }
    ck_assert_uint_eq(at, 1514);
}
END_TEST

START_TEST(a_small_frame_takes_one_of_them)
{
    start(ANY | MERGES);
    struct vdev_buffer first = add_room(100), second = add_room(100);
    make_frame(frame, 88, own_address, 3);
    ck_assert_int_eq(below_receive(frame, 88, NULL), VDEV_OK);
    ck_assert_used(&receive, 0, 100);
    ck_assert_not_used(&receive);
    ck_assert_received(first, frame, 88);
    ck_assert_int_eq(below_receive(frame, 60, NULL), VDEV_OK);
    ck_assert_used(&receive, 1, 72);
    ck_assert_received(second, frame, 60);
}
END_TEST

START_TEST(the_first_of_them_may_hold_the_header_only)
{
    start(ANY | MERGES);
    struct vdev_buffer first = add_room(12), second = add_room(100);
    make_frame(frame, 60, own_address, 3);
    ck_assert_int_eq(below_receive(frame, 60, NULL), VDEV_OK);
    ck_assert_used(&receive, 0, 12);
    ck_assert_used(&receive, 1, 60);
    ck_assert_uint_eq(header_of(first).num_buffers, 2);
    ck_assert_mem_eq(second.pointer, frame, 60);
}
END_TEST

START_TEST(a_big_frame_over_merged_buffers)
{
    start(ANY | MERGES | RECEIVES);
    make_frame(frame, LONG_FRAME, own_address, 4);
    struct vdev_buffer all = machine_allocate(&machine, 50 * 1536, 4);
    for (unsigned i = 0; i < 50; i++) {
        raw_add(&receive, (struct raw_piece[]){{all.bus_address + 1536 * i, 1536, true}}, 1);
    }
    ck_assert_int_eq(below_receive(frame, LONG_FRAME, &tcp4), VDEV_OK);
    ck_assert_uint_eq(raw_used(&receive)->idx, 43);
    ck_assert_uint_eq(header_of(all).num_buffers, 43);
    ck_assert_mem_eq((uint8_t *)all.pointer + HEADER, frame, LONG_FRAME);
}
END_TEST

START_TEST(merged_buffers_are_put_back_if_the_frame_fails_or_the_next_is_missing)
{
    start(ANY | MERGES);
    make_frame(frame, 300, own_address, 4);
    for (unsigned i = 0; i < 3; i++) {
        add_room(100);
    }
    /* 312 bytes: one is missing. */
    ck_assert_int_eq(below_offer(frame, 300, NULL), VDEV_ERROR_FULL);
    ck_assert_not_used(&receive);
    ck_assert(is_armed());
    add_room(100);
    raw_notify(&receive);
    ck_assert_uint_eq(below.resumes, 1);
    ck_assert(!is_armed());
    ck_assert_int_eq(below_offer(frame, 300, NULL), VDEV_OK);
    below_deliver(frame, 300, VDEV_ERROR_IO);
    ck_assert_not_used(&receive);
    ck_assert_int_eq(below_receive(frame, 300, NULL), VDEV_OK);
    for (uint16_t i = 0; i < 4; i++) {
        ck_assert_used(&receive, i, i < 3 ? 100 : 12);
    }
    ck_assert_uint_eq(dropped_in_all(), 0);
}
END_TEST

START_TEST(without_merging_one_buffer_is_all)
{
    add_room(1000);
    add_room(1000);
    make_frame(frame, 1514, own_address, 4);
    ck_assert_int_eq(below_offer(frame, 1514, NULL), VDEV_ERROR_RANGE);
    ck_assert_uint_eq(dropped(VDEV_NET_DROP_NO_ROOM), 1);
    ck_assert_not_used(&receive);
}
END_TEST

START_TEST(a_frame_that_a_full_ring_could_not_hold_does_not_wait_for_ever)
{
    start(ANY | MERGES);
    make_frame(frame, 1514, own_address, 4);
    struct vdev_buffer room = machine_allocate(&machine, 12, 4);
    for (unsigned i = 0; i < MACHINE_QUEUE; i++) {
        raw_add(&receive, (struct raw_piece[]){raw_write_to(room)}, 1);
    }
    ck_assert_int_eq(below_offer(frame, 1514, NULL), VDEV_ERROR_RANGE);
    ck_assert_uint_eq(dropped(VDEV_NET_DROP_NO_ROOM), 1);
    ck_assert_not_used(&receive);
    /* A smaller one fits: RECEIVE_CHAINS * 12 bytes are the most. */
    make_frame(frame, RECEIVE_CHAINS * 12 - 12, own_address, 4);
    ck_assert_int_eq(below_offer(frame, RECEIVE_CHAINS * 12 - 12, NULL), VDEV_OK);
    below.net.client.delivered(below.net.client.owner, VDEV_OK);
    ck_assert_uint_eq(raw_used(&receive)->idx, RECEIVE_CHAINS);
}
END_TEST

START_TEST(nor_does_one_that_a_small_ring_could_not_hold)
{
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0);
    receive.size = 4;
    start(ANY | MERGES);
    make_frame(frame, 500, own_address, 4);
    for (unsigned i = 0; i < 4; i++) {
        add_room(100);
    }
    ck_assert_int_eq(below_offer(frame, 500, NULL), VDEV_ERROR_RANGE);
    ck_assert_uint_eq(dropped(VDEV_NET_DROP_NO_ROOM), 1);
    ck_assert_not_used(&receive);
    ck_assert_int_eq(below_receive(frame, 388, NULL), VDEV_OK);
    ck_assert_uint_eq(raw_used(&receive)->idx, 4);
}
END_TEST

START_TEST(interrupts_of_merged_buffers_come_once)
{
    start(ANY | MERGES | EVENT_INDEX);
    for (unsigned i = 0; i < 4; i++) {
        add_room(100);
    }
    acknowledge();
    machine.raised = 0;
    make_frame(frame, 350, own_address, 4);
    ck_assert_int_eq(below_receive(frame, 350, NULL), VDEV_OK);
    ck_assert_uint_eq(machine.raised, 1);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
}
END_TEST

/* ---- offloads ---- */

START_TEST(offloads_are_accepted_as_negotiated)
{
    const struct {
        uint64_t features;
        uint32_t accepts;
    } cases[] = {
        {0, 0},
        {FEATURE(VIRTIO_NET_F_GUEST_CSUM), VDEV_NET_CHECKSUM},
        {FEATURE(VIRTIO_NET_F_GUEST_TSO4), 0}, /* needs the checksum */
        {FEATURE(VIRTIO_NET_F_GUEST_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_TSO4),
         VDEV_NET_CHECKSUM | VDEV_NET_TCP4},
        {FEATURE(VIRTIO_NET_F_GUEST_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_TSO6) |
             FEATURE(VIRTIO_NET_F_GUEST_ECN),
         VDEV_NET_CHECKSUM | VDEV_NET_TCP6 | VDEV_NET_ECN},
        {FEATURE(VIRTIO_NET_F_GUEST_CSUM) | FEATURE(GUEST_USO4), VDEV_NET_CHECKSUM},
        {FEATURE(VIRTIO_NET_F_GUEST_CSUM) | FEATURE(GUEST_USO4) | FEATURE(GUEST_USO6),
         VDEV_NET_CHECKSUM | VDEV_NET_UDP},
        {RECEIVES, 0x1f},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(cases[i].features);
        ck_assert_uint_eq(below.net.client.accepts, cases[i].accepts);
    }
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_eq(below.net.client.accepts, 0);
}
END_TEST

START_TEST(what_a_frame_needs_is_told_in_its_header)
{
    const struct {
        struct vdev_net_offload offload;
        struct virtio_net_hdr_v1 header;
    } cases[] = {
        {{.needs = VDEV_NET_CHECKSUM, .checksum_start = 34, .checksum_offset = 6},
         {.flags = 1, .csum_start = 34, .csum_offset = 6, .num_buffers = 1}},
        {{.checksum_valid = true}, {.flags = 2, .num_buffers = 1}},
        /* From a class that is wrong: nothing is promised that nobody has seen to. */
        {{.needs = VDEV_NET_TCP4}, {.num_buffers = 1}},
        {tcp4,
         {.flags = 1,
          .gso_type = 1,
          .hdr_len = 94,
          .gso_size = 1448,
          .csum_start = 34,
          .csum_offset = 16,
          .num_buffers = 1}},
        {{.needs = VDEV_NET_CHECKSUM | VDEV_NET_TCP6 | VDEV_NET_ECN,
          .segment_size = 1428,
          .checksum_start = 54,
          .checksum_offset = 16},
         {.flags = 1,
          .gso_type = 0x84,
          .hdr_len = 114,
          .gso_size = 1428,
          .csum_start = 54,
          .csum_offset = 16,
          .num_buffers = 1}},
        {{.needs = VDEV_NET_CHECKSUM | VDEV_NET_UDP,
          .segment_size = 1472,
          .checksum_start = 34,
          .checksum_offset = 6},
         {.flags = 1,
          .gso_type = 5,
          .hdr_len = 42,
          .gso_size = 1472,
          .csum_start = 34,
          .csum_offset = 6,
          .num_buffers = 1}},
    };
    start(ANY | RECEIVES);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_frame(frame, 1400, own_address, i);
        struct vdev_buffer room = add_room(1500);
        ck_assert_int_eq(below_receive(frame, 1400, &cases[i].offload), VDEV_OK);
        ck_assert_mem_eq(room.pointer, &cases[i].header, HEADER);
    }
}
END_TEST

START_TEST(a_short_segmented_frame_has_no_header_longer_than_itself)
{
    start(ANY | RECEIVES);
    make_frame(frame, 60, own_address, 1);
    struct vdev_buffer room = add_room(1500);
    ck_assert_int_eq(below_receive(frame, 60, &tcp4), VDEV_OK);
    ck_assert_uint_eq(header_of(room).hdr_len, 60);
}
END_TEST

START_TEST(what_was_not_negotiated_is_not_passed_on)
{
    make_frame(frame, 1400, own_address, 1);
    struct vdev_buffer room = add_room(1500);
    ck_assert_int_eq(below_offer(frame, 1400, &tcp4), VDEV_ERROR_UNSUPPORTED);
    ck_assert_uint_eq(dropped(VDEV_NET_DROP_OFFLOAD), 1);
    /* Nor that a checksum was checked: flags are zero without GUEST_CSUM. */
    const struct vdev_net_offload valid = {.checksum_valid = true};
    ck_assert_int_eq(below_receive(frame, 1400, &valid), VDEV_OK);
    ck_assert_received(room, frame, 1400);
}
END_TEST

START_TEST(frames_longer_than_the_mtu_are_dropped)
{
    start(ANY | RECEIVES);
    struct vdev_buffer room = add_room(70000);
    make_frame(frame, 1519, own_address, 1);
    ck_assert_int_eq(below_offer(frame, 1519, NULL), VDEV_ERROR_RANGE);
    ck_assert_uint_eq(dropped(VDEV_NET_DROP_LONG), 1);
    ck_assert_int_eq(below_offer(frame, UINT32_MAX, NULL), VDEV_ERROR_RANGE);
    ck_assert_int_eq(below_offer(frame, VDEV_NET_SEGMENTED_BYTES + 5, &tcp4), VDEV_ERROR_RANGE);
    ck_assert_int_eq(below_offer(frame, UINT32_MAX, &tcp4), VDEV_ERROR_RANGE);
    ck_assert_uint_eq(dropped(VDEV_NET_DROP_LONG), 4);
    ck_assert_int_eq(below_receive(frame, 1518, NULL), VDEV_OK);
    ck_assert_received(room, frame, 1518);
}
END_TEST

/* ---- no room ---- */

START_TEST(the_receive_ring_is_armed_only_while_the_class_keeps_a_frame)
{
    make_frame(frame, 100, own_address, 1);
    ck_assert(!is_armed());
    add_room(200);
    ck_assert_int_eq(below_receive(frame, 100, NULL), VDEV_OK);
    ck_assert(!is_armed());
    raw_notify(&receive); /* unasked: nothing comes of it */
    ck_assert_uint_eq(below.resumes, 0);
    ck_assert_int_eq(below_offer(frame, 100, NULL), VDEV_ERROR_FULL);
    ck_assert(is_armed());
    ck_assert_uint_eq(dropped_in_all(), 0); /* the class keeps it, or counts it */
    add_room(200);
    raw_notify(&receive);
    ck_assert_uint_eq(below.resumes, 1);
    ck_assert(!is_armed());
    raw_notify(&receive);
    ck_assert_uint_eq(below.resumes, 1);
    ck_assert_int_eq(below_receive(frame, 100, NULL), VDEV_OK);
    ck_assert(!is_armed());
}
END_TEST

START_TEST(a_class_that_drops_is_not_waited_for)
{
    below.net.operations = &below_drops;
    make_frame(frame, 100, own_address, 1);
    ck_assert_int_eq(below_offer(frame, 100, NULL), VDEV_ERROR_FULL);
    ck_assert(!is_armed());
    add_room(200);
    ck_assert_int_eq(below_receive(frame, 100, NULL), VDEV_OK);
}
END_TEST

START_TEST(the_event_index_asks_for_the_buffer_that_is_missing)
{
    uint16_t event;
    start(ANY | MERGES | EVENT_INDEX);
    make_frame(frame, 300, own_address, 1);
    add_room(100);
    add_room(100);
    ck_assert_int_eq(below_offer(frame, 300, NULL), VDEV_ERROR_FULL);
    /* Two are there and were put back: the third is what is waited for. */
    memcpy(&event, &raw_used(&receive)->ring[MACHINE_QUEUE], sizeof event);
    ck_assert_uint_eq(event, 2);
    ck_assert_uint_eq(backend.queues[0].live.next_available, 0);
}
END_TEST

START_TEST(room_in_time_needs_no_notification)
{
    make_frame(frame, 100, own_address, 1);
    ck_assert_int_eq(below_offer(frame, 100, NULL), VDEV_ERROR_FULL);
    add_room(200);
    /* The class asks again of its own accord. */
    ck_assert_int_eq(below_receive(frame, 100, NULL), VDEV_OK);
    ck_assert_used(&receive, 0, 112);
    raw_notify(&receive); /* asked for before: nobody waits any more */
    ck_assert_uint_eq(below.resumes, 0);
    ck_assert(!is_armed());
}
END_TEST

START_TEST(a_flood_is_taken_as_far_as_there_is_room)
{
    make_frame(frame, 60, own_address, 1);
    for (unsigned i = 0; i < 20; i++) {
        add_room(100);
    }
    unsigned received = 0, refused = 0;
    for (unsigned i = 0; i < 1000; i++) {
        int status = below_receive(frame, 60, NULL);
        received += status == VDEV_OK;
        refused += status == VDEV_ERROR_FULL;
    }
    ck_assert_uint_eq(received, 20);
    ck_assert_uint_eq(refused, 980);
    ck_assert_uint_eq(raw_used(&receive)->idx, 20);
    check_alive();
}
END_TEST

START_TEST(through_the_wrap_of_the_index)
{
    start(ANY | MERGES);
    struct vdev_buffer room = machine_allocate(&machine, 100, 4);
    make_frame(frame, 150, own_address, 1);
    for (unsigned i = 0; i < 70000; i++) {
        uint32_t length;
        raw_add(&receive, (struct raw_piece[]){raw_write_to(room)}, 1);
        raw_add(&receive, (struct raw_piece[]){raw_write_to(room)}, 1);
        /* Each is also put back once on the way. */
        struct vdev_net_arrival arrival = {.length = 150};
        memcpy(arrival.header, frame, 14);
        for (unsigned j = 0; j < 2; j++) {
            if (backend.net->client.accept(&backend, &arrival, &accepted) != VDEV_OK) {
                ck_abort_msg("accept at %u", i);
            }
            backend.net->client.delivered(&backend, j == 0 ? VDEV_ERROR_IO : VDEV_OK);
        }
        if (raw_take(&receive, &length) != (int)(2 * i % MACHINE_QUEUE) || length != 100 ||
            raw_take(&receive, &length) != (int)((2 * i + 1) % MACHINE_QUEUE) || length != 62) {
            ck_abort_msg("used at %u", i);
        }
    }
    ck_assert_uint_eq(backend.queues[0].live.chains, 140000);
}
END_TEST

/* ---- resets ---- */

START_TEST(nobody_is_there_to_receive)
{
    make_frame(frame, 100, own_address, 1);
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0);
    ck_assert_int_eq(below_offer(frame, 100, NULL), VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(dropped(VDEV_NET_DROP_NO_LINK), 1);
    /* A driver without a receive queue. */
    raw_begin(&machine, ANY);
    raw_start(&transmit);
    raw_finish(&machine);
    ck_assert_int_eq(below_offer(frame, 100, NULL), VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(dropped(VDEV_NET_DROP_NO_LINK), 2);
}
END_TEST

START_TEST(a_reset_between_accept_and_delivery)
{
    make_frame(frame, 100, own_address, 1);
    struct vdev_buffer old = add_room(200);
    ck_assert_int_eq(below_offer(frame, 100, NULL), VDEV_OK);
    start(ANY);
    struct vdev_buffer room = add_room(200);
    below_deliver(frame, 100, VDEV_OK);
    ck_assert_uint_eq(((uint8_t *)old.pointer)[0], 0xee); /* no header any more */
    ck_assert_not_used(&receive);
    ck_assert_uint_eq(raw_used(&receive)->idx, 0);
    ck_assert_int_eq(below_receive(frame, 100, NULL), VDEV_OK);
    ck_assert_used(&receive, 0, 112);
    ck_assert_received(room, frame, 100);
}
END_TEST

START_TEST(a_reset_lets_a_waiting_class_go_on)
{
    make_frame(frame, 100, own_address, 1);
    ck_assert_int_eq(below_offer(frame, 100, NULL), VDEV_ERROR_FULL);
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_eq(below.resumes, 1);
    ck_assert_int_eq(below_offer(frame, 100, NULL), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(a_second_frame_before_the_first_is_delivered)
{
    make_frame(frame, 100, own_address, 1);
    add_room(200);
    add_room(200);
    ck_assert_int_eq(below_offer(frame, 100, NULL), VDEV_OK);
    struct vdev_net_room first = accepted;
    ck_assert_int_eq(below_offer(frame, 100, NULL), VDEV_ERROR_BUSY);
    accepted = first;
    below_deliver(frame, 100, VDEV_OK);
    ck_assert_used(&receive, 0, 112);
    ck_assert_uint_eq(dropped(VDEV_NET_DROP_NO_ROOM), 1);
    /* And a delivery of nothing is nothing. */
    below.net.client.delivered(below.net.client.owner, VDEV_OK);
    ck_assert_not_used(&receive);
}
END_TEST

static int inside_status;

static void receive_inside(void)
{
    inside_status = below_offer(frame, 100, NULL);
}

START_TEST(a_frame_from_inside_the_devices_own_processing)
{
    make_frame(frame, 100, own_address, 1);
    add_room(200);
    below.on_submit = receive_inside;
    send_frame(NULL, 100, 1);
    below.on_submit = NULL;
    ck_assert_int_eq(inside_status, VDEV_ERROR_BUSY);
    ck_assert_uint_eq(dropped(VDEV_NET_DROP_NO_ROOM), 1);
    ck_assert_not_used(&receive);
    ck_assert_int_eq(below_receive(frame, 100, NULL), VDEV_OK);
    check_alive();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_backend_receive");
    TCase *tests = add_case(suite, "one buffer");
    tcase_add_test(tests, a_frame_goes_straight_into_the_drivers_buffer);
    tcase_add_test(tests, what_is_past_the_frame_stays_untouched);
    tcase_add_test(tests, header_and_frame_may_be_split_anywhere);
    tcase_add_test(tests, buffers_of_a_byte_each);
    tcase_add_test(tests, a_buffer_that_is_too_small_stays_for_a_smaller_frame);
    tcase_add_test(tests, a_frame_that_failed_on_the_way_leaves_its_buffer);
    tests = add_case(suite, "merged buffers");
    tcase_add_test(tests, a_frame_over_many_small_buffers);
    tcase_add_test(tests, a_small_frame_takes_one_of_them);
    tcase_add_test(tests, the_first_of_them_may_hold_the_header_only);
    tcase_add_test(tests, a_big_frame_over_merged_buffers);
    tcase_add_test(tests, merged_buffers_are_put_back_if_the_frame_fails_or_the_next_is_missing);
    tcase_add_test(tests, without_merging_one_buffer_is_all);
    tcase_add_test(tests, a_frame_that_a_full_ring_could_not_hold_does_not_wait_for_ever);
    tcase_add_test(tests, nor_does_one_that_a_small_ring_could_not_hold);
    tcase_add_test(tests, interrupts_of_merged_buffers_come_once);
    tests = add_case(suite, "offloads");
    tcase_add_test(tests, offloads_are_accepted_as_negotiated);
    tcase_add_test(tests, what_a_frame_needs_is_told_in_its_header);
    tcase_add_test(tests, a_short_segmented_frame_has_no_header_longer_than_itself);
    tcase_add_test(tests, what_was_not_negotiated_is_not_passed_on);
    tcase_add_test(tests, frames_longer_than_the_mtu_are_dropped);
    tests = add_case(suite, "no room");
    tcase_add_test(tests, the_receive_ring_is_armed_only_while_the_class_keeps_a_frame);
    tcase_add_test(tests, a_class_that_drops_is_not_waited_for);
    tcase_add_test(tests, the_event_index_asks_for_the_buffer_that_is_missing);
    tcase_add_test(tests, room_in_time_needs_no_notification);
    tcase_add_test(tests, a_flood_is_taken_as_far_as_there_is_room);
    tcase_add_test(tests, through_the_wrap_of_the_index);
    tests = add_case(suite, "resets");
    tcase_add_test(tests, nobody_is_there_to_receive);
    tcase_add_test(tests, a_reset_between_accept_and_delivery);
    tcase_add_test(tests, a_reset_lets_a_waiting_class_go_on);
    tcase_add_test(tests, a_second_frame_before_the_first_is_delivered);
    tcase_add_test(tests, a_frame_from_inside_the_devices_own_processing);
    return run(suite);
}
