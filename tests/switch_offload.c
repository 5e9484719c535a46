/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The switch between those that offload and those that do not: every kind of frame, from a guest
 * and from an uplink, to every mixture of receivers. What each gets is put together again and
 * compared with what was sent, its checksums computed anew.
 */
#include <stdlib.h>

#include "support/net_packet.h"
#include "support/switch_rig.h"

#define KINDS 5u /* of help: VDEV_NET_CHECKSUM to VDEV_NET_ECN */
#define SETS  (1u << KINDS)

static struct rig rig;
static struct packet packet, seen;
static uint8_t segment[RIG_BYTES];

static const struct packet_form forms[] = {
    {.segment_size = 0, .payload = 700, .tcp_flags = 0x18},
    {.udp = true, .version6 = true, .segment_size = 0, .payload = 11},
    {.segment_size = 1000, .payload = 4321, .tcp_flags = 0x99, .identification = 0xfffe},
    {.version6 = true, .segment_size = 536, .payload = 2000, .tcp_flags = 0x19, .tags = 1},
    {.udp = true, .segment_size = 1400, .payload = 2801, .identification = 9},
    {.version6 = true, .udp = true, .segment_size = 333, .payload = 1000},
    {.segment_size = 1448, .payload = 1448, .tcp_options = 3, .tcp_flags = 0x10},
    {.segment_size = 1448, .payload = 40000, .tcp_options = 3, .tcp_flags = 0x10},
};

#define FORMS (sizeof forms / sizeof forms[0])

/* What one receiver has got of the packet. */
struct receipt {
    uint32_t payload; /* bytes */
    uint32_t frames;
    bool whole; /* it came as it was */
    uint8_t *bytes;
};

static struct receipt guest_receipts[RIG_GUESTS], uplink_receipts[RIG_UPLINKS];

static void clear_receipts(void)
{
    static uint8_t memory[RIG_GUESTS + RIG_UPLINKS][RIG_BYTES];

    for (uint32_t i = 0; i < RIG_GUESTS; i++) {
        guest_receipts[i] = (struct receipt){.bytes = memory[i]};
    }
    for (uint32_t i = 0; i < RIG_UPLINKS; i++) {
        uplink_receipts[i] = (struct receipt){.bytes = memory[RIG_GUESTS + i]};
    }
}

static void setup(void)
{
    rig_init(&rig);
    clear_receipts();
}

static void take(struct receipt *receipt, const uint8_t *bytes, uint32_t length,
                 const struct vdev_net_offload *offload)
{
    receipt->frames++;
    if (offload->needs != 0) {
        ck_assert_uint_eq(receipt->frames, 1);
        ck_assert_mem_eq(offload, &packet.offload, sizeof *offload);
        ck_assert_uint_eq(length, packet.length);
        ck_assert_mem_eq(bytes, packet.bytes, length);
        receipt->payload = length - packet.payload;
        receipt->whole = true;
        return;
    }
    ck_assert(!receipt->whole);
    ck_assert_pstr_eq(packet_fault(bytes, length, &seen), NULL);
    ck_assert_mem_eq(bytes, packet.bytes, packet.network);
    ck_assert_uint_eq(seen.payload, packet.payload);
    ck_assert_uint_le(length - seen.payload + receipt->payload, packet.length - packet.payload);
    memcpy(receipt->bytes + receipt->payload, bytes + seen.payload, length - seen.payload);
    receipt->payload += length - seen.payload;
}

static void take_at_guest(struct rig_guest *guest)
{
    take(&guest_receipts[guest - rig.guests], guest->room, guest->arrival.length,
         &guest->arrival.offload);
}

static void take_at_uplink(struct rig_uplink *uplink)
{
    while (uplink->held_count != 0) {
        uint32_t length = rig_uplink_read(uplink, 0, segment);
        take(&uplink_receipts[uplink - rig.uplinks], segment, length, &uplink->held[0]->offload);
        rig_uplink_complete(uplink, 0, VDEV_OK);
    }
}

static void check(const struct receipt *receipt, uint32_t takes)
{
    uint32_t payload = packet.length - packet.payload;
    uint32_t size = packet.offload.segment_size;

    ck_assert_uint_eq(receipt->payload, payload);
    ck_assert_int_eq(receipt->whole, (packet.offload.needs & ~takes) == 0);
    if (!receipt->whole) {
        ck_assert_uint_eq(receipt->frames, size == 0 ? 1 : (payload + size - 1) / size);
        ck_assert_mem_eq(receipt->bytes, packet.bytes + packet.payload, payload);
    }
}

/* Poll, and let the uplinks send a frame now and then. */
static void run(void)
{
    for (uint32_t idle = 0; idle < 3; idle++) {
        while (vdev_switch_poll(&rig.mux)) {
            idle = 0;
        }
        for (uint32_t i = 0; i < rig.uplink_count; i++) {
            take_at_uplink(&rig.uplinks[i]);
        }
    }
}

/* What a sender fills in of a packet that lacks its checksum only: lengths, and the pseudo header.
 */
static void fill_in(void)
{
    uint8_t *ip = packet.bytes + packet.network;
    uint32_t transport = packet.length - packet.transport;
    bool version6 = ip[0] >> 4 == 6;
    uint32_t protocol = version6 ? ip[6] : ip[9];
    uint16_t sum = packet_sum(ip + (version6 ? 8 : 12), version6 ? 32 : 8, protocol + transport);

    if (version6) {
        packet_put(ip + 4, 2, transport);
    } else {
        packet_put(ip + 2, 2, packet.length - packet.network);
        packet_put(ip + 10, 2, (uint16_t)~packet_sum(ip, 20, 0));
    }
    packet_put(packet.bytes + packet.transport + packet.offload.checksum_offset, 2, sum);
}

static void make(unsigned form, bool ecn, const uint8_t *to)
{
    uint8_t from[VDEV_NET_ADDRESS_BYTES];

    packet_make(&packet, &forms[form]);
    if (ecn && (packet.offload.needs & (VDEV_NET_TCP4 | VDEV_NET_TCP6)) != 0) {
        packet.offload.needs |= VDEV_NET_ECN;
    }
    if (packet.offload.segment_size == 0) {
        fill_in();
    }
    rig_address(from, 0);
    memcpy(packet.bytes, to, VDEV_NET_ADDRESS_BYTES);
    memcpy(packet.bytes + VDEV_NET_ADDRESS_BYTES, from, VDEV_NET_ADDRESS_BYTES);
}

static const uint8_t everybody[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* To one guest that accepts every set of kinds, and to an uplink and guests at once. */
static void check_from_a_guest_to_every_mixture_of_receivers(unsigned form, uint32_t takes)
{
    setup();
    struct rig_uplink *up = rig_add_uplink(&rig, takes, 0);
    struct rig_uplink *other_up = rig_add_uplink(&rig, RIG_TAKES & ~takes, 0);
    struct vdev_switch_guest_configuration with = rig_guest_default(&rig);
    with.pass_through = (takes & 1) != 0;
    struct rig_guest *sender = rig_add_guest(&rig, &with, 0);
    struct rig_guest *guests[] = {rig_add_guest(&rig, NULL, takes),
                                  rig_add_guest(&rig, NULL, RIG_TAKES & ~takes),
                                  rig_add_guest(&rig, NULL, RIG_TAKES)};

    for (uint32_t i = 0; i < 3; i++) {
        guests[i]->on_delivered = take_at_guest;
    }
    up->depth = 2; /* it is full now and then */
    for (uint32_t pieces = 1; pieces <= RIG_PIECES; pieces += 3) {
        clear_receipts();
        make(form, pieces > 4, everybody);
        struct rig_frame *frame = rig_frame(&rig, packet.bytes, packet.length, pieces);
        frame->frame.offload = packet.offload;
        ck_assert_int_eq(rig_submit(sender, frame), VDEV_OK);
        run();
        ck_assert(!frame->busy);
        ck_assert_int_eq(frame->status, VDEV_OK);
        ck_assert_uint_eq(frame->completions, 1);
        check(&guest_receipts[1], takes);
        check(&guest_receipts[2], RIG_TAKES & ~takes);
        check(&guest_receipts[3], RIG_TAKES);
        check(&uplink_receipts[0], takes);
        check(&uplink_receipts[1], RIG_TAKES & ~takes);
        ck_assert(!vdev_switch_port_is_busy(&sender->port));
        /* To one alone, of each kind. */
        for (uint32_t i = 0; i < 3; i++) {
            uint8_t to[VDEV_NET_ADDRESS_BYTES];
            clear_receipts();
            rig_address(to, i + 1);
            make(form, pieces > 4, to);
            frame = rig_frame(&rig, packet.bytes, packet.length, pieces);
            frame->frame.offload = packet.offload;
            ck_assert_int_eq(rig_submit(sender, frame), VDEV_OK);
            run();
            ck_assert(!frame->busy);
            check(&guest_receipts[i + 1], guests[i]->port.net.client.accepts);
        }
    }
    ck_assert_uint_eq(rig_dropped(&up->port.net.sent) + rig_dropped(&other_up->port.net.sent), 0);
    ck_assert_uint_eq(sender->port.net.sent.frames, 12);
}

START_TEST(from_a_guest_to_every_mixture_of_receivers)
{
    for (uint32_t takes = 0; takes < SETS; takes++) {
        check_from_a_guest_to_every_mixture_of_receivers((unsigned)_i, takes);
    }
}
END_TEST

static void check_from_an_uplink_to_every_mixture_of_receivers(unsigned form, uint32_t takes)
{
    setup();
    struct rig_uplink *up = rig_add_uplink(&rig, 0, RIG_TAKES);
    struct rig_guest *spare = rig_add_guest(&rig, NULL, 0); /* whose address the rig sends from */
    vdev_switch_remove(&spare->port);
    struct rig_guest *guests[] = {rig_add_guest(&rig, NULL, takes),
                                  rig_add_guest(&rig, NULL, RIG_TAKES & ~takes),
                                  rig_add_guest(&rig, NULL, RIG_TAKES)};

    for (uint32_t i = 0; i < 3; i++) {
        guests[i]->on_delivered = take_at_guest;
    }
    make(form, false, everybody);
    ck_assert_int_eq(rig_arrive(up, packet.bytes, packet.length, &packet.offload), VDEV_OK);
    bool more = vdev_switch_port_is_busy(&up->port);
    int again = rig_arrive_begin(up, packet.bytes, packet.length, &packet.offload);
    ck_assert_int_eq(again, more ? VDEV_ERROR_FULL : VDEV_OK);
    if (again == VDEV_OK) {
        up->net.client.delivered(up->net.client.owner, VDEV_ERROR_IO);
    }
    run();
    ck_assert_uint_eq(up->resumed, more);
    check(&guest_receipts[1], takes);
    check(&guest_receipts[2], RIG_TAKES & ~takes);
    check(&guest_receipts[3], RIG_TAKES);
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t to[VDEV_NET_ADDRESS_BYTES];
        clear_receipts();
        rig_address(to, i + 1);
        make(form, false, to);
        ck_assert_int_eq(rig_arrive_begin(up, packet.bytes, packet.length, &packet.offload),
                         VDEV_OK);
        bool own = (packet.offload.needs & ~guests[i]->port.net.client.accepts) == 0;
        ck_assert_int_eq(own, up->given.buffers == guests[i]->buffers); /* not bounced */
        rig_arrive_end(up, packet.bytes, packet.length);
        run();
        check(&guest_receipts[i + 1], guests[i]->port.net.client.accepts);
    }
}

START_TEST(from_an_uplink_to_every_mixture_of_receivers)
{
    for (uint32_t takes = 0; takes < SETS; takes++) {
        check_from_an_uplink_to_every_mixture_of_receivers((unsigned)_i, takes);
    }
}
END_TEST

START_TEST(segments_are_made_one_at_a_time)
{
    rig_add_uplink(&rig, 0, 0);
    struct rig_guest *sender = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *receiver = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);
    uint8_t to[VDEV_NET_ADDRESS_BYTES];

    rig_address(to, 1);
    make(2, false, to); /* five segments */
    struct rig_frame *frame = rig_frame(&rig, packet.bytes, packet.length, 4);
    frame->frame.offload = packet.offload;
    ck_assert_int_eq(rig_submit(sender, frame), VDEV_OK);
    static uint8_t small[60];
    uint8_t from[VDEV_NET_ADDRESS_BYTES];
    rig_address(from, 2);
    rig_header(small, to, from);
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_int_eq(rig_submit(other, rig_frame(&rig, small, sizeof small, 1)), VDEV_OK);
    }
    for (uint32_t i = 1; i <= 10; i++) {
        ck_assert_int_eq(vdev_switch_poll(&rig.mux), i < 10);
        ck_assert_uint_eq(receiver->received, i);
        ck_assert_uint_eq(other->port.net.sent.frames, i / 2); /* in turn with the segments */
    }
    ck_assert(!frame->busy);
}
END_TEST

START_TEST(segments_hold_up_their_sender_only_when_an_uplink_is_full)
{
    struct rig_uplink *up = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *sender = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);
    uint8_t outside[] = {0, 1, 2, 3, 4, 5};

    make(7, false, outside); /* 28 segments */
    struct rig_frame *frame = rig_frame(&rig, packet.bytes, packet.length, 8);
    frame->frame.offload = packet.offload;
    ck_assert_int_eq(rig_submit(sender, frame), VDEV_OK);
    rig_settle(&rig);
    ck_assert_uint_eq(up->held_count, RIG_SLOTS);
    static uint8_t small[60];
    uint8_t to[VDEV_NET_ADDRESS_BYTES], from[VDEV_NET_ADDRESS_BYTES];
    rig_address(to, 0);
    rig_address(from, 1);
    rig_header(small, to, from);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_int_eq(rig_submit(other, rig_frame(&rig, small, sizeof small, 1)), VDEV_OK);
        rig_settle(&rig);
    }
    ck_assert_uint_eq(sender->received, 100);
    /* One segment fails, not the last: the frame has. */
    rig_uplink_complete(up, 1, VDEV_ERROR_TIMEOUT);
    run();
    ck_assert(!frame->busy);
    ck_assert_int_eq(frame->status, VDEV_ERROR_TIMEOUT);
    ck_assert_uint_eq(frame->completions, 1);
    ck_assert_uint_eq(up->submitted, 28);
}
END_TEST

START_TEST(a_flush_gives_up_segments_that_are_not_made_yet)
{
    struct rig_uplink *up = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *sender = rig_add_guest(&rig, NULL, 0);
    uint8_t outside[] = {0, 1, 2, 3, 4, 5};

    make(7, false, outside);
    struct rig_frame *frame = rig_frame(&rig, packet.bytes, packet.length, 8);
    frame->frame.offload = packet.offload;
    ck_assert_int_eq(rig_submit(sender, frame), VDEV_OK);
    rig_settle(&rig);
    vdev_switch_port_flush(&sender->port);
    rig_settle(&rig);
    ck_assert(frame->busy);
    run();
    ck_assert(!frame->busy);
    ck_assert_int_eq(frame->status, VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(up->submitted, RIG_SLOTS);
    ck_assert(!vdev_switch_port_is_busy(&sender->port));
}
END_TEST

START_TEST(a_bounced_frame_is_given_up_when_its_uplink_goes)
{
    struct rig_uplink *up = rig_add_uplink(&rig, 0, RIG_TAKES);
    struct rig_guest *receiver = rig_add_guest(&rig, NULL, 0);
    uint8_t to[VDEV_NET_ADDRESS_BYTES];

    rig_address(to, 0);
    make(7, false, to);
    packet.bytes[VDEV_NET_ADDRESS_BYTES] = 0; /* from outside */
    ck_assert_int_eq(rig_arrive(up, packet.bytes, packet.length, &packet.offload), VDEV_OK);
    ck_assert(vdev_switch_poll(&rig.mux));
    ck_assert_uint_eq(receiver->received, 2);
    ck_assert_int_eq(vdev_switch_remove(&up->port), VDEV_ERROR_BUSY);
    vdev_switch_port_flush(&up->port);
    rig_settle(&rig);
    ck_assert_uint_eq(receiver->received, 2);
    ck_assert_int_eq(rig_arrive(up, packet.bytes, packet.length, &packet.offload), VDEV_OK);
    run();
    ck_assert_uint_eq(receiver->received, 2 + 28);
    ck_assert_int_eq(vdev_switch_remove(&up->port), VDEV_OK);
}
END_TEST

START_TEST(a_frame_whose_headers_are_not_what_it_says_is_counted_for_each_receiver)
{
    struct rig_uplink *up = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *sender = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *plain = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *able = rig_add_guest(&rig, NULL, RIG_TAKES);

    make(2, false, everybody);
    packet.bytes[packet.network + 9] = 17; /* UDP, it says */
    struct rig_frame *frame = rig_frame(&rig, packet.bytes, packet.length, 4);
    frame->frame.offload = packet.offload;
    ck_assert_int_eq(rig_submit(sender, frame), VDEV_OK);
    run();
    ck_assert(!frame->busy);
    ck_assert_int_eq(frame->status, VDEV_OK);
    ck_assert_uint_eq(able->received, 1); /* his own to judge */
    ck_assert_uint_eq(plain->asked + up->submitted, 0);
    ck_assert_uint_eq(plain->port.net.received.dropped[VDEV_NET_DROP_OFFLOAD], 1);
    ck_assert_uint_eq(up->port.net.sent.dropped[VDEV_NET_DROP_OFFLOAD], 1);
}
END_TEST

/* Another processor of the sender's writes all over the frame, each time that anybody looks. */
static int accept_and_scribble(void *owner, const struct vdev_net_arrival *arrival,
                               struct vdev_net_room *room)
{
    for (uint32_t i = 0; i < packet.payload; i++) {
        packet.bytes[i] = (uint8_t)packet_random(256);
    }
    return rig_accept(owner, arrival, room);
}

START_TEST(a_sender_that_scribbles_spoils_its_own_frames_only)
{
    struct rig_uplink *up = rig_add_uplink(&rig, VDEV_NET_CHECKSUM, 0);
    struct rig_guest *sender = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *receiver = rig_add_guest(&rig, NULL, 0);
    uint8_t from[VDEV_NET_ADDRESS_BYTES];

    packet_random_state = 7;
    rig_address(from, 0);
    receiver->port.net.client.accept = accept_and_scribble;
    for (uint32_t i = 0; i < 2000; i++) {
        make(i % FORMS, (i & 1) != 0, everybody);
        struct rig_frame *frame = rig_frame(&rig, packet.bytes, packet.length, 1 + i % RIG_PIECES);
        frame->frame.offload = packet.offload;
        ck_assert_int_eq(rig_submit(sender, frame), VDEV_OK);
        for (uint32_t idle = 0; idle < 3; idle++) {
            while (vdev_switch_poll(&rig.mux)) {
                packet.bytes[packet_random(packet.payload)] = (uint8_t)packet_random(256);
                idle = 0;
            }
            while (up->held_count != 0) {
                rig_uplink_read(up, 0, segment);
                ck_assert_mem_eq(segment + 6, from, 6); /* whatever else it has become */
                rig_uplink_complete(up, 0, VDEV_OK);
            }
        }
        ck_assert(!frame->busy);
        ck_assert_uint_eq(frame->completions, 1);
        if (receiver->received != 0) {
            ck_assert_mem_eq(receiver->room + 6, from, 6);
        }
    }
    ck_assert_uint_ge(receiver->received, 1000);
    ck_assert_uint_ge(up->submitted, 1000);
}
END_TEST

START_TEST(nobody_is_believed_that_a_checksum_is_good)
{
    struct rig_uplink *up = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *sender = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *receiver = rig_add_guest(&rig, NULL, 0);
    uint8_t to[VDEV_NET_ADDRESS_BYTES];

    rig_address(to, 1);
    make(0, false, to);
    struct rig_frame *frame = rig_frame(&rig, packet.bytes, packet.length, 1);
    frame->frame.offload.checksum_valid = true;
    ck_assert_int_eq(rig_submit(sender, frame), VDEV_OK);
    rig_settle(&rig);
    ck_assert_uint_eq(receiver->received, 1);
    ck_assert(!receiver->arrival.offload.checksum_valid);
    /* A controller that has checked them is. */
    packet.bytes[VDEV_NET_ADDRESS_BYTES] = 0;
    struct vdev_net_offload valid = {.checksum_valid = true};
    ck_assert_int_eq(rig_arrive(up, packet.bytes, packet.length, &valid), VDEV_OK);
    ck_assert(receiver->arrival.offload.checksum_valid);
    memcpy(packet.bytes, everybody, sizeof everybody);
    ck_assert_int_eq(rig_arrive(up, packet.bytes, packet.length, &valid), VDEV_OK);
    ck_assert_uint_eq(receiver->received, 3);
    ck_assert(receiver->arrival.offload.checksum_valid);
    /* And what the switch has made here. */
    make(0, false, to);
    frame = rig_frame(&rig, packet.bytes, packet.length, 1);
    frame->frame.offload = packet.offload;
    ck_assert_int_eq(rig_submit(sender, frame), VDEV_OK);
    rig_settle(&rig);
    ck_assert(receiver->arrival.offload.checksum_valid);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("switch_offload");
    TCase *tests = tcase_create("switch_offload");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, from_a_guest_to_every_mixture_of_receivers, 0, (int)FORMS);
    tcase_add_loop_test(tests, from_an_uplink_to_every_mixture_of_receivers, 0, (int)FORMS);
    tcase_add_test(tests, segments_are_made_one_at_a_time);
    tcase_add_test(tests, segments_hold_up_their_sender_only_when_an_uplink_is_full);
    tcase_add_test(tests, a_flush_gives_up_segments_that_are_not_made_yet);
    tcase_add_test(tests, a_bounced_frame_is_given_up_when_its_uplink_goes);
    tcase_add_test(tests, a_frame_whose_headers_are_not_what_it_says_is_counted_for_each_receiver);
    tcase_add_test(tests, a_sender_that_scribbles_spoils_its_own_frames_only);
    tcase_add_test(tests, nobody_is_believed_that_a_checksum_is_good);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
