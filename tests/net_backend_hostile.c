/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net back-end against a driver that keeps no rules: bad frames, malformed chains, corrupt
 * rings, memory that changes, and all of them at random.
 */
#include "support/net_driver.h"

static uint8_t frame[2000];

static void setup_offloads(void)
{
    setup();
    start(ANY | CONTROLS | SENDS | RECEIVES | MERGES);
}

/* ---- bad frames: given back unsent, and counted by their reason ---- */

#define ck_assert_dropped(reason, expected)                                                        \
    do {                                                                                           \
        ck_assert_uint_eq(below.count, 0);                                                         \
        ck_assert_uint_eq(backend.transmit_dropped[reason], (expected));                           \
    } while (0)

START_TEST(frames_shorter_than_a_header)
{
    for (uint32_t length = 0; length < 26; length++) {
        struct vdev_buffer packet = machine_allocate(&machine, 26, 4);
        packet.length = length;
        uint16_t head = add_packet(packet);
        raw_notify(&transmit);
        ck_assert_used(&transmit, head, 0);
        ck_assert_dropped(VDEV_NET_DROP_SHORT, length + 1);
    }
    check_alive();
}
END_TEST

START_TEST(frames_longer_than_the_mtu)
{
    const size_t lengths[] = {1519, 1520, 4096, 65535, 70000};
    for (unsigned i = 0; i < 5; i++) {
        uint16_t head = send_frame(NULL, lengths[i], i);
        ck_assert_used(&transmit, head, 0);
        ck_assert_dropped(VDEV_NET_DROP_LONG, i + 1);
    }
    const struct virtio_net_hdr_v1 header = {
        .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16};
    send_frame(&header, VDEV_NET_SEGMENTED_BYTES + 5, 1);
    ck_assert_dropped(VDEV_NET_DROP_LONG, 6);
    check_alive();
}
END_TEST

START_TEST(offload_fields_that_make_no_sense)
{
    const struct virtio_net_hdr_v1 wrong[] = {
        /* The checksum outside of the frame, at its end, in the Ethernet header, wrapping. */
        {.flags = 1, .csum_start = 1000, .csum_offset = 0},
        {.flags = 1, .csum_start = 998, .csum_offset = 1},
        {.flags = 1, .csum_start = 34, .csum_offset = 965},
        {.flags = 1, .csum_start = 0xffff, .csum_offset = 0xffff},
        {.flags = 1, .csum_start = 34, .csum_offset = 0xffff},
        {.flags = 1, .csum_start = 0xfff0, .csum_offset = 0x20},
        {.flags = 1, .csum_start = 0, .csum_offset = 16},
        {.flags = 1, .csum_start = 13, .csum_offset = 16},
        /* To be segmented without a checksum, or into segments of nothing. */
        {.flags = 0, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16},
        {.flags = 2, .gso_type = 5, .gso_size = 1448, .csum_start = 34, .csum_offset = 6},
        {.flags = 1, .gso_type = 1, .gso_size = 0, .csum_start = 34, .csum_offset = 16},
        {.flags = 1, .gso_type = 4, .gso_size = 1448, .csum_start = 34, .csum_offset = 1000},
        {.flags = 1, .gso_type = 0x85, .gso_size = 1448, .csum_start = 34, .csum_offset = 6},
        /* Kinds that there are not: UFO, tunnels, and others. */
        {.flags = 1, .gso_type = 3, .gso_size = 1448, .csum_start = 34, .csum_offset = 6},
        {.flags = 1, .gso_type = 0x21, .gso_size = 1448, .csum_start = 34, .csum_offset = 16},
        {.flags = 1, .gso_type = 0x40, .gso_size = 1448, .csum_start = 34, .csum_offset = 16},
        {.flags = 1, .gso_type = 2, .gso_size = 1448, .csum_start = 34, .csum_offset = 16},
        {.flags = 1, .gso_type = 0x7f, .gso_size = 1448, .csum_start = 34, .csum_offset = 16},
        {.flags = 0, .gso_type = 0x20},
        {.flags = 0, .gso_type = 0xff},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint16_t head = send_frame(&wrong[i], 1000, i);
        ck_assert_msg(below.count == 0, "%u", i);
        ck_assert_used(&transmit, head, 0);
        ck_assert_dropped(VDEV_NET_DROP_OFFLOAD, i + 1);
    }
    check_alive();
}
END_TEST

START_TEST(offloads_that_were_not_negotiated)
{
    const struct {
        struct virtio_net_hdr_v1 header;
        uint64_t feature;
    } cases[] = {
        {{.flags = 1, .csum_start = 34, .csum_offset = 16}, FEATURE(VIRTIO_NET_F_CSUM)},
        {{.flags = 1, .gso_type = 1, .gso_size = 1000, .csum_start = 34, .csum_offset = 16},
         FEATURE(VIRTIO_NET_F_HOST_TSO4)},
        {{.flags = 1, .gso_type = 4, .gso_size = 1000, .csum_start = 54, .csum_offset = 16},
         FEATURE(VIRTIO_NET_F_HOST_TSO6)},
        {{.flags = 1, .gso_type = 0x81, .gso_size = 1000, .csum_start = 34, .csum_offset = 16},
         FEATURE(VIRTIO_NET_F_HOST_ECN)},
        {{.flags = 1, .gso_type = 5, .gso_size = 1000, .csum_start = 34, .csum_offset = 6},
         FEATURE(HOST_USO)},
        {{.flags = 1, .gso_type = 1, .gso_size = 1000, .csum_start = 34, .csum_offset = 16},
         FEATURE(VIRTIO_NET_F_CSUM)}, /* which segmentation needs */
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(ANY | SENDS);
        send_frame(&cases[i].header, 1400, i);
        ck_assert_uint_eq(below.count, 1);
        below_complete(VDEV_OK);
        start((ANY | SENDS) & ~cases[i].feature);
        uint16_t head = send_frame(&cases[i].header, 1400, i);
        ck_assert_used(&transmit, head, 0);
        ck_assert_dropped(VDEV_NET_DROP_OFFLOAD, i + 1);
    }
}
END_TEST

START_TEST(more_buffers_than_the_class_takes)
{
    below.net.maximum_buffers = 2;
    struct vdev_buffer packet = make_packet(NULL, 300, 1);
    struct raw_piece pieces[4] = {
        {packet.bus_address, 12, false},
        {packet.bus_address + 12, 100, false},
        {packet.bus_address + 112, 100, false},
        {packet.bus_address + 212, 100, false},
    };
    uint16_t head = raw_add(&transmit, pieces, 4);
    raw_notify(&transmit);
    ck_assert_used(&transmit, head, 0);
    ck_assert_dropped(VDEV_NET_DROP_LONG, 1);
    raw_add(&transmit, pieces, 3);
    raw_notify(&transmit);
    ck_assert_uint_eq(below.count, 1);
    check_alive();
}
END_TEST

START_TEST(what_the_class_refuses_is_counted_and_given_back)
{
    const struct {
        int status;
        enum vdev_net_drop reason;
    } cases[] = {
        {VDEV_ERROR_INVALID, VDEV_NET_DROP_OFFLOAD},
        {VDEV_ERROR_RANGE, VDEV_NET_DROP_LONG},
        {VDEV_ERROR_UNSUPPORTED, VDEV_NET_DROP_OFFLOAD},
        {VDEV_ERROR_ABSENT, VDEV_NET_DROP_NO_LINK},
    };
    for (unsigned i = 0; i < 4; i++) {
        below.refuses = cases[i].status;
        uint32_t before = backend.transmit_dropped[cases[i].reason];
        uint16_t head = send_frame(NULL, 100, i);
        ck_assert_used(&transmit, head, 0);
        ck_assert_dropped(cases[i].reason, before + 1);
    }
    check_alive();
}
END_TEST

/* ---- bad chains: they come back with length 0, and the queue goes on ---- */

START_TEST(buffers_of_the_wrong_direction)
{
    struct vdev_buffer packet = make_packet(NULL, 100, 1);
    memset(packet.pointer, 0x11, packet.length);
    uint16_t head = raw_add(&transmit, (struct raw_piece[]){raw_write_to(packet)}, 1);
    raw_notify(&transmit);
    ck_assert_used(&transmit, head, 0);
    head = raw_add(&transmit,
                   (struct raw_piece[]){raw_read_from(packet), {packet.bus_address, 1, true}}, 2);
    raw_notify(&transmit);
    ck_assert_used(&transmit, head, 0);
    ck_assert_uint_eq(backend.malformed, 2);
    ck_assert_uint_eq(below.submits, 0);
    /* In the receive ring: passed over, for one that can be used. */
    make_frame(frame, 80, own_address, 1);
    uint16_t readable = raw_add(&receive, (struct raw_piece[]){raw_read_from(packet)}, 1);
    uint16_t both = raw_add(
        &receive, (struct raw_piece[]){{packet.bus_address, 1, false}, raw_write_to(packet)}, 2);
    uint16_t empty = raw_add(&receive, (struct raw_piece[]){{packet.bus_address, 0, true}}, 1);
    uint16_t small = raw_add(&receive, (struct raw_piece[]){{packet.bus_address, 11, true}}, 1);
    ck_assert_uint_eq(((uint8_t *)packet.pointer)[0], 0x11);
    uint16_t good = raw_add(&receive, (struct raw_piece[]){raw_write_to(packet)}, 1);
    ck_assert_int_eq(below_receive(frame, 80, NULL), VDEV_OK);
    ck_assert_used(&receive, readable, 0);
    ck_assert_used(&receive, both, 0);
    ck_assert_used(&receive, empty, 0);
    ck_assert_used(&receive, small, 0);
    ck_assert_used(&receive, good, 92);
    ck_assert_received(packet, frame, 80);
    ck_assert_uint_eq(backend.queues[0].live.malformed, 4);
    check_alive();
}
END_TEST

START_TEST(a_bad_chain_among_merged_ones)
{
    /* 100 bytes, a bad one, 100 bytes: the frame goes around it. */
    make_frame(frame, 150, own_address, 1);
    struct vdev_buffer one = add_room(100);
    uint16_t bad = raw_add(&receive, (struct raw_piece[]){raw_read_from(one)}, 1);
    struct vdev_buffer two = add_room(100);
    ck_assert_int_eq(below_receive(frame, 150, NULL), VDEV_OK);
    ck_assert_used(&receive, bad, 0);
    ck_assert_used(&receive, 0, 100);
    ck_assert_used(&receive, 2, 62);
    ck_assert_uint_eq(header_of(one).num_buffers, 2);
    ck_assert_mem_eq(two.pointer, frame + 88, 62);
    /* What cannot be put back around it comes back empty: nothing is lost. */
    uint16_t first = raw_add(&receive, (struct raw_piece[]){raw_write_to(one)}, 1);
    bad = raw_add(&receive, (struct raw_piece[]){{UINT64_MAX, 100, true}}, 1);
    acknowledge();
    ck_assert_int_eq(below_receive(frame, 150, NULL), VDEV_ERROR_FULL);
    ck_assert_used(&receive, bad, 0);
    ck_assert_used(&receive, first, 0);
    ck_assert_not_used(&receive);
    ck_assert(machine.level);
    check_alive();
}
END_TEST

START_TEST(addresses_that_are_not_memory)
{
    const struct raw_piece wrong[] = {
        {0, 100, true},
        {UINT64_MAX - 10, 100, true},
        {MACHINE_READ_ONLY, 100, true},
        {MACHINE_DEVICE, 100, true}, /* its own registers */
        {MACHINE_MEMORY + MACHINE_BYTES - 50, 100, true},
        {MACHINE_MEMORY, UINT32_MAX, true},
    };
    make_frame(frame, 80, own_address, 1);
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct raw_piece piece = wrong[i];
        uint16_t head = raw_add(&receive, &piece, 1);
        ck_assert_int_eq(below_offer(frame, 80, NULL), VDEV_ERROR_FULL);
        ck_assert_used(&receive, head, 0);
        piece.writable = false;
        if (piece.address != MACHINE_READ_ONLY) {
            head = raw_add(&transmit, &piece, 1);
            raw_notify(&transmit);
            ck_assert_used(&transmit, head, 0);
        }
    }
    ck_assert_uint_eq(below.submits, 0);
    check_alive();
}
END_TEST

START_TEST(more_pieces_than_there_is_place_for)
{
    struct vdev_buffer packet = make_packet(NULL, 500, 1);
    struct raw_piece pieces[PER_SLOT + 1];
    for (unsigned i = 0; i <= PER_SLOT; i++) {
        pieces[i] = (struct raw_piece){packet.bus_address + 12 * i, 12, false};
    }
    uint16_t head = raw_add(&transmit, pieces, PER_SLOT + 1);
    raw_notify(&transmit);
    ck_assert_used(&transmit, head, 0);
    ck_assert_uint_eq(below.submits, 0);
    head = raw_add(&transmit, pieces, PER_SLOT);
    raw_notify(&transmit);
    ck_assert_uint_eq(below.count, 1);
    check_alive();
}
END_TEST

/* ---- corrupt rings: the device needs a reset, says so, and works after it ---- */

static void check_latched(void)
{
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0x4f);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS) & 2, 2);
    unsigned submits = below.submits;
    uint16_t used = raw_used(&transmit)->idx;
    raw_notify(&transmit);
    while (below.count != 0) {
        below_complete(VDEV_OK);
    }
    ck_assert_uint_eq(below.submits, submits);
    ck_assert_uint_eq(raw_used(&transmit)->idx, used);
    ck_assert_int_eq(below_offer(frame, 80, NULL), VDEV_ERROR_ABSENT);
    machine.aborts = 0;
    start(ANY);
    check_alive();
}

START_TEST(corrupt_transmit_rings)
{
    for (unsigned i = 0; i < 4; i++) {
        make_frame(frame, 80, own_address, 1);
        uint16_t head = add_packet(make_packet(NULL, 100, 1));
        switch (i) {
        case 0:
            raw_available(&transmit)->idx = 1000;
            break;
        case 1:
            raw_expose(&transmit, MACHINE_QUEUE);
            break;
        case 2:
            raw_descriptor(&transmit, head)->flags = VRING_DESC_F_NEXT;
            raw_descriptor(&transmit, head)->next = MACHINE_QUEUE;
            break;
        default:
            raw_descriptor(&transmit, head)->flags = VRING_DESC_F_NEXT;
            raw_descriptor(&transmit, head)->next = head;
            raw_descriptor(&transmit, head)->len = 0;
            break;
        }
        raw_notify(&transmit);
        check_latched();
    }
}
END_TEST

START_TEST(a_transmit_ring_found_corrupt_by_a_completion)
{
    send_frame(NULL, 100, 1);
    raw_available(&transmit)->idx = 1000;
    uint16_t used = raw_used(&transmit)->idx;
    below_complete(VDEV_OK);
    ck_assert_uint_eq(raw_used(&transmit)->idx, used + 1);
    check_latched();
}
END_TEST

START_TEST(corrupt_receive_rings)
{
    for (unsigned i = 0; i < 3; i++) {
        make_frame(frame, 400, own_address, 1);
        add_room(100);
        add_room(100);
        switch (i) {
        case 0:
            raw_available(&receive)->idx = 1000;
            break;
        case 1:
            raw_expose(&receive, MACHINE_QUEUE);
            break;
        default:
            raw_descriptor(&receive, 1)->flags |= VRING_DESC_F_NEXT;
            raw_descriptor(&receive, 1)->next = 0xffff;
            break;
        }
        ck_assert_int_eq(below_offer(frame, 400, NULL), VDEV_ERROR_CORRUPT);
        ck_assert_uint_eq(backend.receive_dropped[VDEV_NET_DROP_NO_LINK], 2 * i + 1);
        check_latched();
        start(ANY | MERGES);
    }
}
END_TEST

START_TEST(a_receive_ring_that_breaks_between_accept_and_delivery)
{
    make_frame(frame, 80, own_address, 1);
    add_room(100);
    ck_assert_int_eq(below_offer(frame, 80, NULL), VDEV_OK);
    /* The index is not looked at to give back; the next one to take finds it. */
    raw_available(&receive)->idx = 1000;
    below_deliver(frame, 80, VDEV_OK);
    ck_assert_uint_eq(raw_used(&receive)->idx, 1);
    ck_assert_int_eq(below_offer(frame, 80, NULL), VDEV_ERROR_CORRUPT);
    check_latched();
}
END_TEST

START_TEST(a_corrupt_control_ring_with_frames_both_ways)
{
    make_frame(frame, 80, own_address, 1);
    add_room(100);
    send_frame(NULL, 100, 1);
    ck_assert_int_eq(below_offer(frame, 80, NULL), VDEV_OK);
    raw_available(&control)->idx = 1000;
    raw_notify(&control);
    uint16_t used = raw_used(&receive)->idx;
    below_deliver(frame, 80, VDEV_OK);
    ck_assert_uint_eq(raw_used(&receive)->idx, used);
    check_latched();
}
END_TEST

/* ---- bounds ---- */

static unsigned refills;

/* As from another CPU: whenever a frame is looked at, there is one more. */
static void refill(void)
{
    if (refills != 0) {
        refills--;
        add_packet((struct vdev_buffer){machine.memory, 30, MACHINE_MEMORY});
    }
}

START_TEST(a_full_ring_of_bad_chains_is_done_in_one_entry)
{
    for (unsigned i = 0; i < MACHINE_QUEUE; i++) {
        raw_add(&transmit, (struct raw_piece[]){{MACHINE_MEMORY, 20, (i & 1) != 0}}, 1);
    }
    raw_notify(&transmit);
    ck_assert_uint_eq(raw_used(&transmit)->idx, MACHINE_QUEUE);
    ck_assert_uint_eq(raw_used(&transmit)->flags, 0); /* armed */
    ck_assert(!vdev_virtio_device_poll(&backend.device));
    check_alive();
}
END_TEST

START_TEST(bad_frames_that_come_as_fast_as_they_go_are_bounded)
{
    below.refuses = VDEV_ERROR_RANGE;
    below.on_submit = refill;
    refills = 500;
    refill();
    raw_notify(&transmit);
    ck_assert_uint_eq(below.submits, 2 * MACHINE_QUEUE + 1);
    ck_assert(vdev_virtio_device_poll(&backend.device));
    while (vdev_virtio_device_poll(&backend.device)) {
    }
    ck_assert_uint_eq(below.submits, 500);
    ck_assert_uint_eq(raw_used(&transmit)->idx, 500);
    below.on_submit = NULL;
    check_alive();
}
END_TEST

START_TEST(good_frames_that_come_as_fast_as_they_go_are_bounded_by_the_slots)
{
    below.on_submit = refill;
    refills = 500;
    refill();
    raw_notify(&transmit);
    ck_assert_uint_eq(below.submits, SLOTS);
    below.on_submit = NULL;
}
END_TEST

/* ---- memory that changes ---- */

START_TEST(what_changes_after_the_take_changes_nothing)
{
    const struct virtio_net_hdr_v1 header = {
        .flags = 1, .gso_type = 1, .gso_size = 1000, .csum_start = 34, .csum_offset = 16};
    struct vdev_buffer packet = make_packet(&header, 1400, 1);
    uint16_t head = add_packet(packet);
    raw_notify(&transmit);
    ck_assert_uint_eq(below.count, 1);
    memset(packet.pointer, 0xff, HEADER);
    *raw_descriptor(&transmit, head) = (struct vring_desc){UINT64_MAX, 1, 7, 0xffff};
    ck_assert_uint_eq(below.frames[0]->length, 1400);
    below_complete(VDEV_OK);
    ck_assert_uint_eq(below.sent_offload.segment_size, 1000);
    ck_assert_sent(packet);
    ck_assert_used(&transmit, head, 0);
}
END_TEST

START_TEST(a_frame_that_changes_while_it_waits_is_looked_at_again)
{
    below.capacity = 0;
    struct vdev_buffer packet = make_packet(NULL, 100, 1);
    uint16_t head = add_packet(packet);
    raw_notify(&transmit);
    raw_descriptor(&transmit, head)->len = 20;
    below.capacity = 1;
    below.net.client.writable(below.net.client.owner);
    ck_assert_used(&transmit, head, 0);
    ck_assert_dropped(VDEV_NET_DROP_SHORT, 1);
    check_alive();
}
END_TEST

/* ---- at random ---- */

static uint32_t state;

static uint32_t any(uint32_t below_what)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below_what;
}

static uint16_t any_chain(struct raw_queue *queue)
{
    struct raw_piece pieces[8];
    unsigned count = 1 + any(8);
    unsigned writable_from = any(4) == 0 ? any(9) : queue == &receive ? 0 : count;
    for (unsigned i = 0; i < count; i++) {
        pieces[i] =
            (struct raw_piece){MACHINE_MEMORY + any(MACHINE_BYTES), any(3000), i >= writable_from};
        if (any(40) == 0) {
            pieces[i].address = (uint64_t)any(UINT32_MAX) << any(33);
        }
        if (any(10) == 0) {
            pieces[i].length = any(20);
        }
    }
    if (queue == &control && any(2) != 0) {
        /* Something near a command. */
        uint8_t *at = machine.memory + MACHINE_BYTES - 300;
        at[0] = (uint8_t)any(7);
        at[1] = (uint8_t)any(7);
        pieces[0] = (struct raw_piece){MACHINE_MEMORY + MACHINE_BYTES - 300, 2 + any(20), false};
        pieces[1] = (struct raw_piece){MACHINE_MEMORY + MACHINE_BYTES - 8, any(3), true};
        count = 2;
    }
    return raw_add(queue, pieces, count);
}

START_TEST(any_driver)
{
    state = (uint32_t)_i * 2654435761u + 1;
    struct raw_queue *queues[3] = {&receive, &transmit, &control};
    uint64_t features = ANY | (any(4) != 0 ? CONTROLS : 0) | (any(2) != 0 ? SENDS : 0) |
                        (any(2) != 0 ? RECEIVES : 0) | (any(2) != 0 ? MERGES : 0) |
                        (any(2) != 0 ? EVENT_INDEX : 0);
    bool in_hand = false;
    start(features);
    for (unsigned i = 0; i < 3000; i++) {
        struct raw_queue *queue = queues[any(3)];
        struct vdev_net_offload offload = {
            .needs = (uint8_t)(any(2) != 0 ? 0 : any(32)),
            .segment_size = (uint16_t)any(1500),
            .checksum_start = (uint16_t)(14 + any(100)),
            .checksum_offset = (uint16_t)any(30),
        };
        uint32_t length = 14 + any(1600);
        switch (any(12)) {
        case 0:
        case 1:
        case 2:
            any_chain(queue);
            raw_notify(queue);
            break;
        case 3:
            raw_notify(queue);
            break;
        case 4:
        case 5:
            if (below.count != 0) {
                below_complete(any(2) != 0 ? VDEV_OK : VDEV_ERROR_IO);
            }
            break;
        case 6:
        case 7:
            make_frame(frame, length, any(2) != 0 ? own_address : multicast, i);
            if (!in_hand) {
                in_hand = below_offer(frame, length, &offload) == VDEV_OK;
                if (in_hand && any(2) != 0) {
                    ck_assert_uint_ge(vdev_buffers_length(accepted.buffers, accepted.buffer_count),
                                      length);
                }
            }
            break;
        case 8:
            if (in_hand) {
                in_hand = false;
                below.net.client.delivered(below.net.client.owner,
                                           any(3) != 0 ? VDEV_OK : VDEV_ERROR_IO);
            }
            break;
        case 9:
            /* Spoil a word of any of the rings, or of what lies behind. */
            if (any(8) == 0) {
                *(uint32_t *)(machine.memory + 4 * any(8192 / 4)) = any(UINT32_MAX);
            }
            break;
        case 10:
            below.capacity = any(BELOW_FRAMES);
            break;
        default:
            below.net.link = any(2) != 0;
            below.net.client.changed(below.net.client.owner);
            break;
        }
        if (machine_read32(&machine, VIRTIO_MMIO_STATUS) != 0xf || any(500) == 0) {
            start(features);
        }
    }
    if (in_hand) {
        below.net.client.delivered(below.net.client.owner, VDEV_OK);
    }
    below.capacity = BELOW_FRAMES;
    while (below.count != 0) {
        below_complete(VDEV_OK);
    }
    machine.aborts = 0;
    machine.used = MACHINE_BYTES / 2;
    start(ANY);
    check_alive();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_backend_hostile");
    TCase *tests = tcase_create("hostile driver");
    tcase_add_checked_fixture(tests, setup_offloads, teardown);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, frames_shorter_than_a_header);
    tcase_add_test(tests, frames_longer_than_the_mtu);
    tcase_add_test(tests, offload_fields_that_make_no_sense);
    tcase_add_test(tests, offloads_that_were_not_negotiated);
    tcase_add_test(tests, more_buffers_than_the_class_takes);
    tcase_add_test(tests, what_the_class_refuses_is_counted_and_given_back);
    tcase_add_test(tests, buffers_of_the_wrong_direction);
    tcase_add_test(tests, a_bad_chain_among_merged_ones);
    tcase_add_test(tests, addresses_that_are_not_memory);
    tcase_add_test(tests, more_pieces_than_there_is_place_for);
    tcase_add_test(tests, corrupt_transmit_rings);
    tcase_add_test(tests, a_transmit_ring_found_corrupt_by_a_completion);
    tcase_add_test(tests, corrupt_receive_rings);
    tcase_add_test(tests, a_receive_ring_that_breaks_between_accept_and_delivery);
    tcase_add_test(tests, a_corrupt_control_ring_with_frames_both_ways);
    tcase_add_test(tests, a_full_ring_of_bad_chains_is_done_in_one_entry);
    tcase_add_test(tests, bad_frames_that_come_as_fast_as_they_go_are_bounded);
    tcase_add_test(tests, good_frames_that_come_as_fast_as_they_go_are_bounded_by_the_slots);
    tcase_add_test(tests, what_changes_after_the_take_changes_nothing);
    tcase_add_test(tests, a_frame_that_changes_while_it_waits_is_looked_at_again);
    tcase_add_loop_test(tests, any_driver, 0, 40);
    return run(suite);
}
