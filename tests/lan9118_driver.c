/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LAN9118's driver on our emulator of it: frames of every length, from and to every alignment,
 * in pieces of every kind; what it does with frames that have no room, or that nobody wants; and
 * what a frame costs in accesses. Driven by events alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "support/lan9118_rig.h"

#define SHORTEST VDEV_NET_HEADER_BYTES
#define LONGEST  (VDEV_NET_MTU + VDEV_NET_HEADER_BYTES)
#define PIECES   128u

static struct lan9118_rig rig;
static struct vdev_net_frame frame;
static struct vdev_buffer pieces[PIECES], room_pieces[PIECES];
static _Alignas(8) uint8_t bytes[RIG_BYTES], room[RIG_BYTES], expected[RIG_BYTES];

static void fill(uint8_t *to, uint32_t length, uint32_t seed)
{
    for (uint32_t i = 0; i < length; i++) {
        to[i] = (uint8_t)(seed * 37 + i * 31 + (i >> 8) * 7 + 1);
    }
}

/* A frame to us, with the pattern behind its header. */
static void fill_frame(uint8_t *to, uint32_t length, uint32_t seed)
{
    fill(to, length, seed);
    memcpy(to, rig_address, sizeof rig_address);
    to[12] = 0x08;
    to[13] = 0x00;
}

/* Bit 3 of a loop's number: bursts; below it the lane, or the lane and the offset. */
#define BURSTS 8

static void begin_with(uint8_t offset, bool fast_forward, bool bursts)
{
    rig_emulator(&rig);
    rig.bursts = bursts;
    ck_assert_int_eq(rig_driver(&rig, &rig.bus.io, offset, fast_forward), VDEV_OK);
    rig_run(&rig);
    ck_assert(rig.driver.net.link);
    rig.polls = 0;
}

static void begin(uint8_t offset, bool fast_forward)
{
    begin_with(offset, fast_forward, false);
}

/*
 * Cuts `length` bytes into pieces: `cut` bytes each, or by the bits of a seed if it is 0. The last
 * piece has all the rest. Each lies `lane` bytes behind a multiple of 4.
 */
static size_t cut_up(struct vdev_buffer *list, uint8_t *from, uint32_t length, uint32_t cut,
                     uint32_t seed)
{
    size_t count = 0;

    while (length != 0) {
        uint32_t piece = cut;
        if (cut == 0) {
            seed = seed * 1103515245 + 12345;
            piece = (seed >> 16) % 23; /* with empty ones among them */
        }
        if (piece > length || count == PIECES - 1) {
            piece = length;
        }
        list[count++] = (struct vdev_buffer){from, piece, VDEV_NO_BUS_ADDRESS};
        from += piece;
        length -= piece;
    }
    return count;
}

static int submit(uint32_t lane, uint32_t length, uint32_t cut, uint32_t seed)
{
    fill(bytes + lane, length, seed);
    frame = (struct vdev_net_frame){.buffers = pieces,
                                    .buffer_count = cut_up(pieces, bytes + lane, length, cut, seed),
                                    .length = length,
                                    .complete = rig_complete,
                                    .owner = &rig};
    return vdev_net_submit(&rig.driver.net, &frame);
}

static void send_one(uint32_t lane, uint32_t length, uint32_t cut, uint32_t seed)
{
    uint32_t whole = length < RIG_SHORTEST ? RIG_SHORTEST : length;
    unsigned completed = rig.completed;

    memset(rig.sent, 0xee, sizeof rig.sent);
    ck_assert_int_eq(submit(lane, length, cut, seed), VDEV_OK);
    ck_assert_uint_eq(rig.completed, completed);
    rig_run(&rig);
    ck_assert_uint_eq(rig.completed, completed + 1);
    ck_assert_int_eq(rig.completed_status, VDEV_OK);
    memset(expected, 0, sizeof expected);
    memcpy(expected, bytes + lane, length);
    ck_assert_uint_eq(rig.sent_length, whole);
    ck_assert_mem_eq(rig.sent, expected, whole);
}

static void receive_one(uint32_t lane, uint32_t length, uint32_t cut, uint32_t seed)
{
    uint32_t whole = length < RIG_SHORTEST ? RIG_SHORTEST : length;
    unsigned delivered = rig.delivered;

    fill_frame(bytes, length, seed);
    memset(expected, 0xee, sizeof expected);
    memset(expected + lane, 0, whole);
    memcpy(expected + lane, bytes, length);
    memset(room, 0xee, sizeof room);
    rig.room =
        (struct vdev_net_room){room_pieces, cut_up(room_pieces, room + lane, whole, cut, seed)};
    rig_will_arrive(&rig, bytes, length);
    rig_run(&rig);
    ck_assert_uint_eq(rig.delivered, delivered + 1);
    ck_assert_int_eq(rig.delivered_status, VDEV_OK);
    ck_assert_uint_eq(rig.arrival.length, whole);
    ck_assert_mem_eq(rig.arrival.header, bytes, VDEV_NET_HEADER_BYTES);
    ck_assert_mem_eq(room, expected, sizeof room);
}

/* _i: the lane, and BURSTS or not. */
START_TEST(frames_of_every_length_are_sent_from_every_alignment)
{
    begin_with(0, true, (_i & BURSTS) != 0);
    for (uint32_t length = SHORTEST; length <= LONGEST; length++) {
        send_one((uint32_t)_i % 4, length, length, length);
    }
    ck_assert_uint_eq(rig.driver.net.sent.frames, LONGEST - SHORTEST + 1);
    ck_assert_uint_eq(rig.driver.net.sent.bytes,
                      (LONGEST - SHORTEST + 1) * (SHORTEST + LONGEST) / 2);
}
END_TEST

START_TEST(frames_in_pieces_of_every_size_are_sent)
{
    begin_with(0, true, (_i & BURSTS) != 0);
    for (uint32_t cut = 1; cut <= 40; cut++) {
        for (uint32_t length = SHORTEST; length <= LONGEST; length += 61) {
            send_one((uint32_t)_i % 4, length, cut, cut);
        }
    }
    for (uint32_t seed = 1; seed < 400; seed++) {
        send_one((uint32_t)_i % 4, SHORTEST + seed * 3, 0, seed);
    }
}
END_TEST

/* _i: the lane, above it the offset in halves of a word, and BURSTS or not. */
START_TEST(frames_of_every_length_are_received_at_every_alignment)
{
    begin_with((uint8_t)(_i / 4 % 2 * 2), true, (_i & BURSTS) != 0);
    for (uint32_t length = SHORTEST; length <= LONGEST; length++) {
        receive_one((uint32_t)_i % 4, length, LONGEST, length);
    }
    ck_assert_uint_eq(rig.driver.net.received.frames, LONGEST - SHORTEST + 1);
}
END_TEST

START_TEST(frames_are_received_in_pieces_of_every_size)
{
    begin_with((uint8_t)(_i / 4 % 2 * 2), true, (_i & BURSTS) != 0);
    for (uint32_t cut = 1; cut <= 40; cut++) {
        for (uint32_t length = SHORTEST; length <= LONGEST; length += 61) {
            receive_one((uint32_t)_i % 4, length, cut, cut);
        }
    }
    for (uint32_t seed = 1; seed < 400; seed++) {
        receive_one((uint32_t)_i % 4, SHORTEST + seed * 3, 0, seed);
    }
}
END_TEST

/* Between full frames in bursts, as the FIFOs wrap around. */
START_TEST(many_frames_in_bursts_both_ways)
{
    begin(0, true);
    fill_frame(bytes, LONGEST, 3);
    memcpy(expected, bytes, LONGEST);
    room_pieces[0] = (struct vdev_buffer){room, LONGEST, VDEV_NO_BUS_ADDRESS};
    rig.room = (struct vdev_net_room){room_pieces, 1};
    struct vdev_buffer buffer = {expected, LONGEST, VDEV_NO_BUS_ADDRESS};
    struct vdev_net_frame burst[10];
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 10; i++) {
            burst[i] = (struct vdev_net_frame){.buffers = &buffer,
                                               .buffer_count = 1,
                                               .length = LONGEST,
                                               .complete = rig_complete,
                                               .owner = &rig};
            ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &burst[i]), VDEV_OK);
            rig_will_arrive(&rig, bytes, LONGEST - i);
        }
        rig_run(&rig);
        ck_assert_mem_eq(room, expected, LONGEST - 9);
        ck_assert_mem_eq(rig.sent, expected, LONGEST);
    }
    ck_assert_uint_eq(rig.completed, 500);
    ck_assert_uint_eq(rig.delivered, 500);
}
END_TEST

START_TEST(a_poll_moves_one_frame_each_way_at_most)
{
    begin(0, true);
    fill_frame(bytes, LONGEST, 3);
    room_pieces[0] = (struct vdev_buffer){room, LONGEST, VDEV_NO_BUS_ADDRESS};
    rig.room = (struct vdev_net_room){room_pieces, 1};
    for (unsigned i = 0; i < 3; i++) {
        rig_will_arrive(&rig, bytes, LONGEST);
        vdev_net_poll(&rig.medium);
    }
    struct vdev_buffer buffer = {expected, LONGEST, VDEV_NO_BUS_ADDRESS};
    struct vdev_net_frame burst[3];
    for (unsigned i = 0; i < 3; i++) {
        burst[i] = (struct vdev_net_frame){.buffers = &buffer,
                                           .buffer_count = 1,
                                           .length = LONGEST,
                                           .complete = rig_complete,
                                           .owner = &rig};
        ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &burst[i]), VDEV_OK);
    }
    for (unsigned i = 1; i <= 3; i++) {
        bool more = vdev_net_poll(&rig.driver.net);
        vdev_net_poll(&rig.medium);
        ck_assert_uint_eq(rig.delivered, i);
        ck_assert_uint_eq(rig.completed, i);
        ck_assert(more == (i < 3));
    }
}
END_TEST

/* What the hypervisor's budget rests on: little beside the words themselves. */
START_TEST(a_full_frame_costs_few_accesses)
{
    begin(0, true);
    send_one(0, LONGEST, LONGEST, 1);
    uint32_t before = rig.bus.reads + rig.bus.writes;
    send_one(0, LONGEST, LONGEST, 1);
    uint32_t sent = rig.bus.reads + rig.bus.writes - before;
    before = rig.bus.reads + rig.bus.writes;
    receive_one(0, LONGEST, LONGEST, 1);
    uint32_t received = rig.bus.reads + rig.bus.writes - before;
    before = rig.bus.reads + rig.bus.writes;
    for (unsigned i = 0; i < 5; i++) {
        rig_will_arrive(&rig, bytes, LONGEST);
        vdev_net_poll(&rig.medium);
    }
    rig_run(&rig);
    uint32_t five = rig.bus.reads + rig.bus.writes - before;
    printf("accesses a frame of %u bytes: %u sent, %u received, %u received in a burst of five\n",
           (unsigned)LONGEST, (unsigned)sent, (unsigned)received, (unsigned)five / 5);
    ck_assert_uint_le(sent, 379 + 2 + 6);
    ck_assert_uint_le(received, 380 + 6);
    ck_assert_uint_le(five, 5 * (380 + 3));
}
END_TEST

START_TEST(a_frame_without_room_waits_and_those_behind_it_too)
{
    static uint8_t other[RIG_BYTES];

    begin(_i % 2 == 0 ? 0 : 2, _i < 2);
    fill_frame(bytes, 700, 5);
    fill_frame(other, 800, 6);
    room_pieces[0] = (struct vdev_buffer){room, LONGEST, VDEV_NO_BUS_ADDRESS};
    rig.room = (struct vdev_net_room){room_pieces, 1};
    rig.answer = VDEV_ERROR_FULL;
    rig_will_arrive(&rig, bytes, 700);
    rig_will_arrive(&rig, other, 800);
    rig_run(&rig);
    ck_assert_uint_eq(rig.asked, 1);
    ck_assert(!rig.line.level);
    /* Sending goes on. */
    send_one(0, 100, 100, 1);
    ck_assert_uint_eq(rig.asked, 1);
    fill_frame(bytes, 700, 5);
    vdev_net_resume(&rig.driver.net); /* and there is none again */
    rig_run(&rig);
    ck_assert_uint_eq(rig.asked, 2);
    rig.answer = VDEV_OK;
    vdev_net_resume(&rig.driver.net);
    vdev_net_resume(&rig.driver.net);
    rig_run(&rig);
    ck_assert_uint_eq(rig.delivered, 2);
    ck_assert_mem_eq(room, other, 800);
    ck_assert_uint_eq(rig.driver.net.received.frames, 2);
}
END_TEST

START_TEST(a_client_that_has_room_again_at_once_is_asked_again)
{
    begin(0, true);
    fill_frame(bytes, 700, 5);
    room_pieces[0] = (struct vdev_buffer){room, LONGEST, VDEV_NO_BUS_ADDRESS};
    rig.room = (struct vdev_net_room){room_pieces, 1};
    rig.answer = VDEV_ERROR_FULL;
    rig.resumes = true;
    rig_will_arrive(&rig, bytes, 700);
    vdev_net_poll(&rig.medium);
    ck_assert(vdev_net_poll(&rig.driver.net));
    rig.answer = VDEV_OK;
    rig.resumes = false;
    rig.more = true;
    rig_run(&rig);
    ck_assert_uint_eq(rig.asked, 2);
    ck_assert_mem_eq(room, bytes, 700);
}
END_TEST

/* _i: whether the controller skips them. */
START_TEST(frames_that_are_not_wanted_go_away)
{
    begin(0, _i == 0);
    rig.answer = VDEV_ERROR_UNSUPPORTED;
    for (uint32_t length = SHORTEST; length < 400; length += 7) {
        fill_frame(bytes, length, length);
        rig_will_arrive(&rig, bytes, length);
        rig_run(&rig);
    }
    ck_assert_uint_eq(rig.delivered, 0);
    ck_assert_uint_eq(rig.asked, (400 - SHORTEST + 6) / 7);
    rig.answer = VDEV_OK;
    receive_one(0, LONGEST, LONGEST, 9);
}
END_TEST

START_TEST(a_room_that_is_too_small_is_told)
{
    begin(0, _i == 0);
    fill_frame(bytes, 500, 1);
    for (uint32_t length = 0; length < 500; length += 9) {
        memset(room, 0xee, sizeof room);
        room_pieces[0] = (struct vdev_buffer){room, length, VDEV_NO_BUS_ADDRESS};
        rig.room = (struct vdev_net_room){room_pieces, 1};
        rig_will_arrive(&rig, bytes, 500);
        rig_run(&rig);
        ck_assert_int_eq(rig.delivered_status, VDEV_ERROR_IO);
        ck_assert_uint_eq(room[length], 0xee);
    }
    ck_assert_uint_eq(rig.driver.net.received.frames, 0);
    receive_one(0, LONGEST, LONGEST, 9);
}
END_TEST

START_TEST(a_frame_that_needs_or_says_what_it_may_not_is_refused)
{
    begin(0, true);
    ck_assert_int_eq(submit(0, 13, 13, 1), VDEV_ERROR_INVALID);
    ck_assert_int_eq(submit(0, 1519, 1519, 1), VDEV_ERROR_RANGE);
    ck_assert_int_eq(submit(0, 1518, 1518, 1), VDEV_OK);
    rig_run(&rig);
    fill(bytes, 100, 1);
    struct vdev_buffer buffer = {bytes, 99, VDEV_NO_BUS_ADDRESS};
    frame = (struct vdev_net_frame){.buffers = &buffer, .buffer_count = 1, .length = 100};
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_ERROR_INVALID);
    buffer.length = 100;
    frame.offload.needs = VDEV_NET_CHECKSUM;
    frame.offload.checksum_start = 34;
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_ERROR_UNSUPPORTED);
    ck_assert_uint_eq(rig.completed, 1);
}
END_TEST

START_TEST(the_link_comes_and_goes_and_is_told)
{
    begin(0, true);
    ck_assert_uint_eq(rig.changed, 1);
    rig_set_link(&rig, false);
    rig_run(&rig);
    ck_assert(!rig.driver.net.link);
    ck_assert_uint_eq(rig.changed, 2);
    /* Frames that go nowhere are not failures. */
    uint32_t sent = rig.sent_count;
    ck_assert_int_eq(submit(0, 100, 100, 1), VDEV_OK);
    rig_run(&rig);
    ck_assert_uint_eq(rig.completed, 1);
    ck_assert_int_eq(rig.completed_status, VDEV_OK);
    ck_assert_uint_eq(rig.driver.net.sent.dropped[VDEV_NET_DROP_NO_LINK], 1);
    ck_assert_uint_eq(rig.sent_count, sent);
    rig_set_link(&rig, true);
    rig_run(&rig);
    ck_assert(rig.driver.net.link);
    ck_assert_uint_eq(rig.changed, 3);
    send_one(0, 100, 100, 1);
    /* Away and back before anybody looks. */
    rig_set_link(&rig, false);
    rig_set_link(&rig, true);
    rig_run(&rig);
    ck_assert(rig.driver.net.link);
}
END_TEST

static unsigned asked_for(const char *address)
{
    unsigned asked = rig.asked;

    fill_frame(bytes, 100, 1);
    memcpy(bytes, address, 6);
    rig_will_arrive(&rig, bytes, 100);
    rig_run(&rig);
    return rig.asked - asked;
}

START_TEST(the_receive_mode_is_what_it_was_set_to)
{
    static const char other[] = "\x02\x99\x22\x33\x44\x55",
                      multicast[] = "\x01\x00\x5e\x00\x00\x01",
                      broadcast[] = "\xff\xff\xff\xff\xff\xff";
    static const struct {
        enum vdev_net_receive_mode mode;
        unsigned multicast, other;
    } modes[] = {{VDEV_NET_RECEIVE_ALL, 1, 1},
                 {VDEV_NET_RECEIVE_ALL_MULTICAST, 1, 0},
                 {VDEV_NET_RECEIVE_OWN, 0, 0},
                 {VDEV_NET_RECEIVE_ALL, 1, 1}};

    begin(0, true);
    rig.answer = VDEV_ERROR_UNSUPPORTED;
    for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        ck_assert_int_eq(vdev_net_set_receive_mode(&rig.driver.net, modes[i].mode), VDEV_OK);
        rig_run(&rig);
        ck_assert_uint_eq(asked_for((const char *)rig_address), 1);
        ck_assert_uint_eq(asked_for(broadcast), 1);
        ck_assert_uint_eq(asked_for(multicast), modes[i].multicast);
        ck_assert_uint_eq(asked_for(other), modes[i].other);
    }
    ck_assert_int_eq(vdev_net_set_receive_mode(&rig.driver.net, (enum vdev_net_receive_mode)3),
                     VDEV_ERROR_UNSUPPORTED);
    /* What is in the FIFO while the mode changes is received all the same. */
    fill_frame(bytes, 100, 1);
    rig_will_arrive(&rig, bytes, 100);
    vdev_net_poll(&rig.medium);
    unsigned asked = rig.asked;
    ck_assert_int_eq(vdev_net_set_receive_mode(&rig.driver.net, VDEV_NET_RECEIVE_OWN), VDEV_OK);
    rig_run(&rig);
    ck_assert_uint_eq(rig.asked, asked + 1);
}
END_TEST

START_TEST(frames_that_the_fifo_cannot_hold_are_counted)
{
    begin(0, true);
    fill_frame(bytes, LONGEST, 1);
    rig.room = (struct vdev_net_room){room_pieces, 1};
    room_pieces[0] = (struct vdev_buffer){room, LONGEST, VDEV_NO_BUS_ADDRESS};
    for (unsigned i = 0; i < 20; i++) {
        rig_will_arrive(&rig, bytes, LONGEST);
        vdev_net_poll(&rig.medium);
    }
    rig_run(&rig);
    ck_assert_uint_ge(rig.delivered, 6);
    ck_assert_uint_eq(rig.delivered + rig.driver.net.received.dropped[VDEV_NET_DROP_MEDIUM], 20);
}
END_TEST

START_TEST(frames_wait_for_a_medium_that_takes_none)
{
    static struct vdev_net_frame burst[20];
    struct vdev_buffer buffer = {bytes, LONGEST, VDEV_NO_BUS_ADDRESS};

    begin(0, true);
    fill(bytes, LONGEST, 1);
    rig.stuck = true;
    for (unsigned i = 0; i < 20; i++) {
        burst[i] = (struct vdev_net_frame){.buffers = &buffer,
                                           .buffer_count = 1,
                                           .length = LONGEST,
                                           .complete = rig_complete,
                                           .owner = &rig};
        ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &burst[i]), VDEV_OK);
    }
    rig_run(&rig);
    unsigned before = rig.completed;
    ck_assert_uint_lt(before, 20);
    ck_assert(!rig.line.level);
    rig.stuck = false;
    rig_run(&rig);
    ck_assert_uint_eq(rig.completed, 20);
    ck_assert_uint_eq(rig.sent_count, 20);
    ck_assert_uint_eq(rig.driver.net.sent.dropped[VDEV_NET_DROP_MEDIUM], 0);
}
END_TEST

START_TEST(a_transmitter_that_is_stuck_for_good_is_begun_anew)
{
    static struct vdev_net_frame burst[20];
    struct vdev_buffer buffer = {bytes, LONGEST, VDEV_NO_BUS_ADDRESS};

    begin(0, true);
    rig.stuck = true;
    for (unsigned i = 0; i < 20; i++) {
        burst[i] = (struct vdev_net_frame){.buffers = &buffer,
                                           .buffer_count = 1,
                                           .length = LONGEST,
                                           .complete = rig_complete,
                                           .owner = &rig};
        ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &burst[i]), VDEV_OK);
    }
    rig_run(&rig);
    unsigned before = rig.completed;
    vdev_virtual_clock_advance(&rig.clock, 1100000000);
    rig.more = true;
    rig_run(&rig);
    ck_assert_uint_gt(rig.completed, before);
    ck_assert_uint_ge(rig.driver.net.sent.dropped[VDEV_NET_DROP_MEDIUM], 1);
}
END_TEST

START_TEST(a_frame_that_comes_before_the_link_is_known_waits_for_that)
{
    rig_emulator(&rig);
    ck_assert_int_eq(rig_driver(&rig, &rig.bus.io, 0, true), VDEV_OK);
    ck_assert(!rig.driver.net.link);
    send_one(0, 100, 100, 1);
    ck_assert_uint_eq(rig.driver.net.sent.dropped[VDEV_NET_DROP_NO_LINK], 0);
}
END_TEST

START_TEST(what_failed_on_the_medium_is_counted)
{
    begin(0, true);
    rig.complete_with = VDEV_ERROR_IO;
    send_one(0, 100, 100, 1);
    ck_assert_uint_eq(rig.driver.net.sent.dropped[VDEV_NET_DROP_MEDIUM], 0); /* not known yet */
    rig.complete_with = VDEV_OK;
    send_one(0, 100, 100, 1);
    ck_assert_uint_eq(rig.driver.net.sent.dropped[VDEV_NET_DROP_MEDIUM], 1);
    send_one(0, 100, 100, 1);
    ck_assert_uint_eq(rig.driver.net.sent.dropped[VDEV_NET_DROP_MEDIUM], 1);
}
END_TEST

START_TEST(configuration_is_looked_at)
{
    static const uint8_t group[] = {0x01, 0, 0, 0, 0, 1}, own[] = {0x02, 1, 2, 3, 4, 5};

    rig_emulator(&rig);
    struct vdev_lan9118_driver_configuration configuration = {.io = rig.bus.io};
    ck_assert_int_eq(vdev_lan9118_driver_init(&rig.driver, &configuration), VDEV_ERROR_INVALID);
    configuration.clock = &rig.clock.clock;
    configuration.address = group;
    ck_assert_int_eq(vdev_lan9118_driver_init(&rig.driver, &configuration), VDEV_ERROR_INVALID);
    configuration.address = own;
    configuration.receive_offset = 1;
    ck_assert_int_eq(vdev_lan9118_driver_init(&rig.driver, &configuration), VDEV_ERROR_INVALID);
    configuration.receive_offset = 0;
    configuration.receive_mode = (enum vdev_net_receive_mode)7;
    ck_assert_int_eq(vdev_lan9118_driver_init(&rig.driver, &configuration), VDEV_ERROR_INVALID);
    configuration.receive_mode = VDEV_NET_RECEIVE_OWN;
    ck_assert_int_eq(vdev_lan9118_driver_init(&rig.driver, &configuration), VDEV_OK);
    ck_assert_mem_eq(rig.driver.net.address, own, 6);
    ck_assert_uint_eq(rig.emulator.mac[3], 0x03020102);
    ck_assert_uint_eq(rig.emulator.mac[2], 0x0504);
    configuration.address = NULL; /* what the EEPROM says, after the reset */
    ck_assert_int_eq(vdev_lan9118_driver_init(&rig.driver, &configuration), VDEV_OK);
    ck_assert_mem_eq(rig.driver.net.address, rig_address, 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lan9118-driver");
    TCase *tcase = tcase_create("lan9118-driver");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, frames_of_every_length_are_sent_from_every_alignment, 0, 4);
    tcase_add_loop_test(tcase, frames_of_every_length_are_sent_from_every_alignment, BURSTS,
                        BURSTS + 4);
    tcase_add_loop_test(tcase, frames_in_pieces_of_every_size_are_sent, 0, 4);
    tcase_add_loop_test(tcase, frames_in_pieces_of_every_size_are_sent, BURSTS, BURSTS + 4);
    tcase_add_loop_test(tcase, frames_of_every_length_are_received_at_every_alignment, 0,
                        2 * BURSTS);
    tcase_add_loop_test(tcase, frames_are_received_in_pieces_of_every_size, 0, 2 * BURSTS);
    tcase_add_test(tcase, many_frames_in_bursts_both_ways);
    tcase_add_test(tcase, a_poll_moves_one_frame_each_way_at_most);
    tcase_add_test(tcase, a_full_frame_costs_few_accesses);
    tcase_add_loop_test(tcase, a_frame_without_room_waits_and_those_behind_it_too, 0, 4);
    tcase_add_test(tcase, a_client_that_has_room_again_at_once_is_asked_again);
    tcase_add_loop_test(tcase, frames_that_are_not_wanted_go_away, 0, 2);
    tcase_add_loop_test(tcase, a_room_that_is_too_small_is_told, 0, 2);
    tcase_add_test(tcase, a_frame_that_needs_or_says_what_it_may_not_is_refused);
    tcase_add_test(tcase, the_link_comes_and_goes_and_is_told);
    tcase_add_test(tcase, the_receive_mode_is_what_it_was_set_to);
    tcase_add_test(tcase, frames_that_the_fifo_cannot_hold_are_counted);
    tcase_add_test(tcase, frames_wait_for_a_medium_that_takes_none);
    tcase_add_test(tcase, a_transmitter_that_is_stuck_for_good_is_begun_anew);
    tcase_add_test(tcase, a_frame_that_comes_before_the_link_is_known_waits_for_that);
    tcase_add_test(tcase, what_failed_on_the_medium_is_counted);
    tcase_add_test(tcase, configuration_is_looked_at);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
