/* SPDX-License-Identifier: BSD-2-Clause */
/* The switch: who waits for whom, what is limited, what is told, and which frames are refused. */
#include "support/switch_traffic.h"

/* ---- waiting ---- */

START_TEST(a_full_queue_is_told_and_room_in_it_too)
{
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    for (uint32_t i = 0; i < RIG_QUEUE; i++) {
        ck_assert_int_eq(submit(one, address(1), address(0)), VDEV_OK);
    }
    ck_assert_int_eq(submit(one, address(1), address(0)), VDEV_ERROR_FULL);
    ck_assert_uint_eq(one->writable, 0);
    ck_assert(vdev_switch_poll(&rig.mux));
    ck_assert(vdev_switch_poll(&rig.mux));
    ck_assert_uint_eq(one->writable, 1);
    rig_settle(&rig);
    ck_assert_uint_eq(one->writable, 1); /* told once */
    ck_assert_uint_eq(other->received, RIG_QUEUE);
}
END_TEST

START_TEST(one_frame_each_in_turn)
{
    struct rig_guest *guests[RIG_GUESTS];

    for (uint32_t i = 0; i < RIG_GUESTS; i++) {
        guests[i] = rig_add_guest(&rig, NULL, 0);
    }
    for (uint32_t i = 1; i < RIG_GUESTS; i++) {
        for (uint32_t n = 0; n < (i == 1 ? RIG_QUEUE : 2); n++) {
            ck_assert_int_eq(submit(guests[i], address(0), address(i)), VDEV_OK);
        }
    }
    for (uint32_t round = 1; round <= 2; round++) {
        for (uint32_t i = 1; i < RIG_GUESTS; i++) {
            ck_assert(vdev_switch_poll(&rig.mux));
        }
        for (uint32_t i = 1; i < RIG_GUESTS; i++) {
            ck_assert_uint_eq(guests[i]->port.net.sent.frames, round);
        }
    }
    ck_assert_uint_eq(rig_settle(&rig), RIG_QUEUE - 2);
}
END_TEST

START_TEST(a_guest_that_never_makes_room_stalls_nobody)
{
    struct rig_guest *sender = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *stuck = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    stuck->full = true;
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(submit(sender, address(1), address(0)), VDEV_OK);
        ck_assert_int_eq(submit(sender, address(2), address(0)), VDEV_OK);
        ck_assert_int_eq(submit(sender, everybody, address(0)), VDEV_OK);
        ck_assert_int_eq(submit(other, address(0), address(2)), VDEV_OK);
        ck_assert_uint_eq(rig_settle(&rig), 4);
    }
    ck_assert_uint_eq(other->received, 2000);
    ck_assert_uint_eq(sender->received, 1000);
    ck_assert_uint_eq(stuck->port.net.received.dropped[VDEV_NET_DROP_NO_ROOM], 2000);
    ck_assert_uint_eq(stuck->port.net.received.frames, 0);
    ck_assert_uint_eq(sender->port.net.sent.frames, 3000);
    ck_assert_uint_eq(rig_dropped(&sender->port.net.sent), 0);
}
END_TEST

START_TEST(a_guest_without_room_does_not_hold_up_an_uplink)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *stuck = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    stuck->full = true;
    /* Not FULL, or the uplink might keep the frame and wait. */
    ck_assert_int_eq(arrive(uplink, address(0), outside), VDEV_ERROR_ABSENT);
    ck_assert_int_eq(arrive(uplink, everybody, outside), VDEV_OK);
    ck_assert_int_eq(arrive(uplink, address(1), outside), VDEV_OK);
    ck_assert_uint_eq(stuck->port.net.received.dropped[VDEV_NET_DROP_NO_ROOM], 2);
    ck_assert_uint_eq(other->received, 2);
    ck_assert_uint_eq(uplink->port.net.received.frames, 3);
}
END_TEST

START_TEST(a_guest_that_does_not_want_a_frame_has_counted_it)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);

    one->refusal = VDEV_ERROR_STATE;
    ck_assert_int_eq(arrive(uplink, address(0), outside), VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(rig_dropped(&one->port.net.received), 0);
    ck_assert_uint_eq(one->port.net.received.frames, 0);
}
END_TEST

START_TEST(an_uplink_that_is_full_for_ever_holds_up_its_own_senders_only)
{
    struct rig_uplink *stuck = rig_add_uplink(&rig, 0, 0);
    struct rig_uplink *good = rig_add_uplink(&rig, 0, 0);
    struct vdev_switch_guest_configuration with = rig_guest_default(&rig);
    with.pass_through = _i != 0; /* in both ways of sending */
    struct rig_guest *sender = rig_add_guest(&rig, &with, 0);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);
    const uint8_t beyond[] = {0x00, 0x1b, 0x21, 0xaa, 0xbb, 0xcd};

    ck_assert_int_eq(arrive(stuck, address(0), outside), VDEV_OK);
    ck_assert_int_eq(arrive(good, address(0), beyond), VDEV_OK);
    stuck->depth = 0;
    for (uint32_t i = 0; i < RIG_QUEUE; i++) {
        ck_assert_int_eq(submit(sender, outside, address(0)), VDEV_OK);
    }
    ck_assert_uint_le(rig_settle(&rig), 2); /* and no busy waiting */
    ck_assert_int_eq(submit(sender, outside, address(0)), VDEV_ERROR_FULL);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(submit(one, address(2), address(1)), VDEV_OK);
        ck_assert_int_eq(submit(other, beyond, address(2)), VDEV_OK);
        ck_assert_int_eq(arrive(stuck, address(0), outside), VDEV_OK);
        ck_assert_uint_le(rig_settle(&rig), 2);
        rig_uplink_complete(good, 0, VDEV_OK);
    }
    ck_assert_uint_eq(other->received, 1000);
    ck_assert_uint_eq(sender->received, 1002);
    ck_assert_uint_eq(good->submitted, 1000);
    ck_assert_uint_eq(stuck->submitted, 0);
    ck_assert_uint_eq(sender->writable, 0);
    /* It comes back, and all goes on in order. */
    uint32_t wakes = rig.wakes;
    rig_uplink_make_room(stuck, RIG_DEPTH);
    ck_assert_uint_eq(rig.wakes, wakes + 1);
    while (stuck->submitted < RIG_QUEUE) {
        rig_settle(&rig);
        ck_assert_uint_ne(stuck->held_count, 0);
        ck_assert_uint_le(stuck->held_count, _i != 0 ? RIG_QUEUE : RIG_SLOTS);
        rig_uplink_complete(stuck, 0, VDEV_OK);
    }
    ck_assert_uint_eq(sender->writable, 1);
}
END_TEST

START_TEST(slots_that_are_all_with_an_uplink_are_waited_for)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *guest = rig_add_guest(&rig, NULL, 0);
    struct rig_frame *frames[RIG_QUEUE];

    for (uint32_t i = 0; i < RIG_QUEUE; i++) {
        frames[i] = frame_to(outside, address(0));
        ck_assert_int_eq(rig_submit(guest, frames[i]), VDEV_OK);
    }
    rig_settle(&rig);
    ck_assert_uint_eq(uplink->held_count, RIG_SLOTS);
    rig_uplink_complete(uplink, 2, VDEV_ERROR_TIMEOUT); /* out of order */
    ck_assert_int_eq(frames[2]->status, VDEV_ERROR_TIMEOUT);
    ck_assert(frames[0]->busy && frames[1]->busy && frames[3]->busy);
    rig_settle(&rig);
    ck_assert_uint_eq(uplink->held_count, RIG_SLOTS);
    while (uplink->held_count != 0) {
        rig_uplink_complete(uplink, 0, VDEV_OK);
        rig_settle(&rig);
    }
    for (uint32_t i = 0; i < RIG_QUEUE; i++) {
        ck_assert_uint_eq(frames[i]->completions, 1);
    }
    ck_assert(!vdev_switch_port_is_busy(&guest->port));
}
END_TEST

START_TEST(what_an_uplink_refuses_is_counted_there_and_done_with)
{
    static const struct {
        int status;
        enum vdev_net_drop reason;
        uint8_t needs;
    } refusals[] = {{VDEV_ERROR_RANGE, VDEV_NET_DROP_LONG, 0},
                    {VDEV_ERROR_ABSENT, VDEV_NET_DROP_NO_LINK, 0},
                    {VDEV_ERROR_INVALID, VDEV_NET_DROP_SHORT, 0},
                    {VDEV_ERROR_INVALID, VDEV_NET_DROP_OFFLOAD, VDEV_NET_CHECKSUM}};
    struct rig_uplink *uplink = rig_add_uplink(&rig, VDEV_NET_CHECKSUM, 0);
    struct vdev_switch_guest_configuration with = rig_guest_default(&rig);
    with.pass_through = _i != 0;
    struct rig_guest *guest = rig_add_guest(&rig, &with, 0);

    for (unsigned i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        uplink->refusal = refusals[i].status;
        struct rig_frame *frame = frame_to(outside, address(0));
        frame->frame.offload.needs = refusals[i].needs;
        frame->frame.offload.checksum_start = 34;
        frame->frame.offload.checksum_offset = 6;
        ck_assert_int_eq(rig_submit(guest, frame), VDEV_OK);
        rig_settle(&rig);
        ck_assert(!frame->busy);
        ck_assert_int_eq(frame->status, VDEV_OK);
        ck_assert_uint_eq(uplink->port.net.sent.dropped[refusals[i].reason], 1);
    }
    ck_assert(!vdev_switch_port_is_busy(&guest->port));
}
END_TEST

START_TEST(nothing_comes_between_a_frame_and_its_delivery)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_uplink *second = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *third = rig_add_guest(&rig, NULL, 0);

    uint8_t slow[LENGTH] = {0};

    rig_header(slow, address(0), outside);
    ck_assert_int_eq(rig_arrive_begin(uplink, slow, LENGTH, NULL), VDEV_OK);
    /* A device that takes its time. The rig asserts that `one` is left alone. */
    ck_assert_int_eq(submit(other, address(0), address(1)), VDEV_OK);
    ck_assert_int_eq(submit(third, everybody, address(2)), VDEV_OK);
    vdev_switch_port_set_link(&one->port, false);
    vdev_switch_port_set_link(&one->port, true);
    ck_assert_int_eq(arrive(second, address(0), address(5)), VDEV_ERROR_FULL);
    rig_settle(&rig);
    ck_assert_uint_eq(other->received, 1); /* others have the broadcast already */
    ck_assert_uint_eq(second->resumed, 0);
    ck_assert_uint_eq(one->changed, 0);
    ck_assert_int_eq(vdev_switch_remove(&one->port), VDEV_ERROR_BUSY);
    rig_arrive_end(uplink, slow, LENGTH);
    rig_settle(&rig);
    ck_assert_uint_eq(one->received, 3);
    ck_assert_uint_eq(one->changed, 1);
    ck_assert_uint_eq(second->resumed, 1);
    ck_assert_int_eq(arrive(second, address(0), address(5)), VDEV_OK);
    ck_assert_uint_eq(rig_dropped(&one->port.net.received), 0);
}
END_TEST

/* ---- limits ---- */

START_TEST(floods_are_limited_to_the_frame)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct vdev_switch_guest_configuration with = rig_guest_default(&rig);
    with.group = (struct vdev_switch_limit){.rate = 10, .burst = 5};
    with.unknown_unicast = (struct vdev_switch_limit){.rate = 1000, .burst = 3};
    struct rig_guest *guest = rig_add_guest(&rig, &with, 0);
    const uint32_t *limited = &guest->port.net.sent.dropped[VDEV_NET_DROP_LIMITED];
    uint32_t sent = 0;

#define FLOOD(to, count)                                                                           \
    do {                                                                                           \
        uint32_t before = uplink->submitted;                                                       \
        for (uint32_t flood = 0; flood < (count); flood++) {                                       \
            ck_assert_int_eq(submit(guest, to, address(0)), VDEV_OK);                              \
            rig_settle(&rig);                                                                      \
            if (uplink->held_count != 0) {                                                         \
                rig_uplink_complete(uplink, 0, VDEV_OK);                                           \
            }                                                                                      \
        }                                                                                          \
        sent = uplink->submitted - before;                                                         \
    } while (0)
    FLOOD(everybody, 100);
    ck_assert_uint_eq(sent, 5);
    ck_assert_uint_eq(*limited, 95);
    FLOOD(outside, 100); /* has a limit of its own */
    ck_assert_uint_eq(sent, 3);
    rig.now += RIG_SECOND / 10 - 1;
    FLOOD(group, 1); /* has that of broadcasts */
    ck_assert_uint_eq(sent, 0);
    rig.now += 1;
    FLOOD(group, 10);
    ck_assert_uint_eq(sent, 1);
    for (uint32_t i = 0; i < 100; i++) { /* ten seconds in hundred steps */
        rig.now += RIG_SECOND / 10;
        FLOOD(everybody, 2);
        ck_assert_uint_eq(sent, 1);
    }
    rig.now += 3600ull * RIG_SECOND; /* an hour saves up no more than the burst */
    FLOOD(everybody, 20);
    ck_assert_uint_eq(sent, 5);
    FLOOD(outside, 20);
    ck_assert_uint_eq(sent, 3);
    rig.now += RIG_SECOND / 1000;
    FLOOD(outside, 20);
    ck_assert_uint_eq(sent, 1);
    ck_assert_uint_eq(guest->port.net.sent.frames, uplink->submitted);
    /* What is known is not limited. */
    ck_assert_int_eq(arrive(uplink, address(0), outside), VDEV_OK);
    FLOOD(outside, 100);
    ck_assert_uint_eq(sent, 100);
}
END_TEST

START_TEST(a_flood_from_an_uplink_is_limited_too)
{
    struct rig_uplink *uplink = &rig.uplinks[0];

    memset(uplink, 0, sizeof *uplink);
    uplink->net.operations = &rig_uplink_operations;
    struct vdev_switch_uplink_configuration with = {
        .net = &uplink->net,
        .bounce = {uplink->bounce, LENGTH, VDEV_NO_BUS_ADDRESS},
        .group = {.rate = 100, .burst = 10},
    };
    ck_assert_int_eq(vdev_switch_add_uplink(&rig.mux, &uplink->port, &with), VDEV_OK);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    for (uint32_t i = 0; i < 30; i++) {
        arrive(uplink, everybody, outside); /* straight to the one */
    }
    ck_assert_uint_eq(one->received, 10);
    rig_add_guest(&rig, NULL, 0);
    rig.now += RIG_SECOND;
    for (uint32_t i = 0; i < 30; i++) {
        arrive(uplink, group, outside); /* bounced */
    }
    ck_assert_uint_eq(one->received, 20);
    ck_assert_uint_eq(uplink->port.net.received.dropped[VDEV_NET_DROP_LIMITED], 40);
    /* Too long for the bounce buffer. */
    rig.now += RIG_SECOND;
    rig_header(bytes, everybody, outside);
    ck_assert_int_eq(rig_arrive(uplink, bytes, LENGTH + 1, NULL), VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(uplink->port.net.received.dropped[VDEV_NET_DROP_LONG], 1);
}
END_TEST

/* ---- what is told, and what is refused ---- */

static void answer(struct rig_guest *guest)
{
    if (guest->received < 5) {
        ck_assert_int_eq(submit(guest, outside, address(1)), VDEV_OK);
    }
}

START_TEST(the_owner_is_woken_once_for_work_that_it_does_not_know_of)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    ck_assert_uint_eq(rig.wakes, 0);
    submit(one, address(1), address(0));
    submit(one, address(1), address(0));
    submit(other, address(0), address(1));
    ck_assert_uint_eq(rig.wakes, 1);
    other->on_delivered = answer;
    rig_settle(&rig);
    ck_assert_uint_eq(rig.wakes, 1); /* poll has said it */
    ck_assert_uint_eq(uplink->held_count, 2);
    ck_assert_int_eq(arrive(uplink, address(1), outside), VDEV_OK);
    ck_assert_uint_eq(rig.wakes, 2); /* submitted from inside the uplink's poll */
    rig_settle(&rig);
    ck_assert_uint_eq(uplink->held_count, 3);
}
END_TEST

START_TEST(frames_that_cannot_be_are_refused_at_once)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    (void)uplink;
    struct rig_guest *guest = rig_add_guest(&rig, NULL, 0);
    struct rig_frame *frame = rig_frame(&rig, bytes, 1519, 1);

    ck_assert_uint_eq(guest->port.net.maximum_buffers, RIG_PIECES);
    ck_assert_uint_eq(guest->port.net.takes, RIG_TAKES);
    ck_assert_uint_eq(guest->port.net.mtu, VDEV_NET_MTU);
    ck_assert_int_eq(rig_submit(guest, frame), VDEV_ERROR_RANGE);
    frame->frame.length = 13;
    ck_assert_int_eq(rig_submit(guest, frame), VDEV_ERROR_INVALID);
    frame->frame.length = 100;
    frame->frame.offload.needs = VDEV_NET_TCP4;
    ck_assert_int_eq(rig_submit(guest, frame), VDEV_ERROR_INVALID);
    frame->frame.offload.needs = 0x80;
    ck_assert_int_eq(rig_submit(guest, frame), VDEV_ERROR_UNSUPPORTED);
    frame->frame.offload.needs = 0;
    frame->frame.buffer_count = RIG_PIECES + 1;
    ck_assert_int_eq(rig_submit(guest, frame), VDEV_ERROR_INVALID);
    /* Less in the buffers than was said: no header, or an end that is missing. */
    frame->frame.buffer_count = 1;
    frame->buffers[0].length = 13;
    ck_assert_int_eq(rig_submit(guest, frame), VDEV_OK);
    rig_settle(&rig);
    ck_assert_uint_eq(guest->port.net.sent.dropped[VDEV_NET_DROP_SHORT], 1);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);
    rig_header(bytes, address(1), address(0));
    frame->buffers[0].length = 50;
    ck_assert_int_eq(rig_submit(guest, frame), VDEV_OK);
    rig_settle(&rig);
    ck_assert_uint_eq(other->bad, 1);
    ck_assert_uint_eq(other->port.net.received.dropped[VDEV_NET_DROP_SHORT], 1);
    rig_header(bytes, outside, address(0));
    ck_assert_int_eq(rig_submit(guest, frame), VDEV_OK);
    rig_settle(&rig);
    ck_assert_uint_eq(uplink->port.net.sent.dropped[VDEV_NET_DROP_SHORT], 1);
    ck_assert(!frame->busy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("switch_queues");
    TCase *tests = tcase_create("switch_queues");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_full_queue_is_told_and_room_in_it_too);
    tcase_add_test(tests, one_frame_each_in_turn);
    tcase_add_test(tests, a_guest_that_never_makes_room_stalls_nobody);
    tcase_add_test(tests, a_guest_without_room_does_not_hold_up_an_uplink);
    tcase_add_test(tests, a_guest_that_does_not_want_a_frame_has_counted_it);
    tcase_add_loop_test(tests, an_uplink_that_is_full_for_ever_holds_up_its_own_senders_only, 0, 2);
    tcase_add_test(tests, slots_that_are_all_with_an_uplink_are_waited_for);
    tcase_add_loop_test(tests, what_an_uplink_refuses_is_counted_there_and_done_with, 0, 2);
    tcase_add_test(tests, nothing_comes_between_a_frame_and_its_delivery);
    tcase_add_test(tests, floods_are_limited_to_the_frame);
    tcase_add_test(tests, a_flood_from_an_uplink_is_limited_too);
    tcase_add_test(tests, the_owner_is_woken_once_for_work_that_it_does_not_know_of);
    tcase_add_test(tests, frames_that_cannot_be_are_refused_at_once);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
