/* SPDX-License-Identifier: BSD-2-Clause */
/* The switch's ports: their links, those that come and go, and configurations that are refused. */
#include "support/switch_traffic.h"

/* ---- links ---- */

START_TEST(a_port_whose_link_is_down_neither_sends_nor_receives)
{
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    ck_assert(one->port.net.link);
    vdev_switch_port_set_link(&one->port, false);
    ck_assert_uint_eq(one->changed, 0); /* from poll only */
    rig_settle(&rig);
    ck_assert_uint_eq(one->changed, 1);
    struct rig_frame *frame = frame_to(address(1), address(0));
    ck_assert_int_eq(rig_submit(one, frame), VDEV_OK);
    ck_assert_int_eq(submit(other, address(0), address(1)), VDEV_OK);
    rig_settle(&rig);
    ck_assert_int_eq(frame->status, VDEV_OK);
    ck_assert(!frame->busy);
    ck_assert_uint_eq(one->asked + other->asked, 0);
    ck_assert_uint_eq(one->port.net.sent.dropped[VDEV_NET_DROP_NO_LINK], 1);
    ck_assert_uint_eq(one->port.net.received.dropped[VDEV_NET_DROP_NO_LINK], 1);
    vdev_switch_port_set_link(&one->port, true);
    ck_assert_int_eq(submit(other, address(0), address(1)), VDEV_OK);
    rig_settle(&rig);
    ck_assert_uint_eq(one->changed, 2);
    ck_assert_uint_eq(one->received, 1);
}
END_TEST

START_TEST(an_uplinks_link_is_shown_to_those_that_follow_it)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_uplink *second = rig_add_uplink(&rig, 0, 0);
    struct vdev_switch_guest_configuration with = rig_guest_default(&rig);
    with.follows = true;
    struct rig_guest *follower = rig_add_guest(&rig, &with, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    ck_assert(follower->port.net.link && other->port.net.link);
    uplink->net.link = false;
    uplink->net.client.changed(uplink->net.client.owner);
    ck_assert(follower->port.net.link); /* there is another */
    second->net.link = false;
    second->net.client.changed(second->net.client.owner);
    rig_settle(&rig);
    ck_assert(!follower->port.net.link && other->port.net.link);
    ck_assert_uint_eq(follower->changed, 1);
    ck_assert_uint_eq(other->changed, 0);
    second->net.link = true;
    second->net.client.changed(second->net.client.owner);
    vdev_switch_port_set_link(&follower->port, false);
    rig_settle(&rig);
    ck_assert(!follower->port.net.link);
}
END_TEST

/* ---- ports that come and go ---- */

START_TEST(a_flush_fails_what_waits_and_forgets_what_was_learned)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct vdev_switch_guest_configuration with = rig_guest_default(&rig);
    with.fixed = false;
    with.learned_maximum = 4;
    struct rig_guest *guest = rig_add_guest(&rig, &with, 0);
    struct rig_frame *frames[RIG_QUEUE];

    for (uint32_t i = 0; i < RIG_QUEUE; i++) {
        frames[i] = frame_to(outside, address(0));
        ck_assert_int_eq(rig_submit(guest, frames[i]), VDEV_OK);
    }
    ck_assert(vdev_switch_poll(&rig.mux));
    ck_assert_uint_eq(uplink->held_count, 1);
    ck_assert_uint_eq(guest->port.learned, 1);
    vdev_switch_port_flush(&guest->port);
    ck_assert_uint_eq(guest->port.learned, 0);
    ck_assert(frames[1]->busy); /* not inside the flush */
    ck_assert_int_eq(vdev_switch_remove(&guest->port), VDEV_ERROR_BUSY);
    rig_settle(&rig);
    for (uint32_t i = 1; i < RIG_QUEUE; i++) {
        ck_assert(!frames[i]->busy);
        ck_assert_int_eq(frames[i]->status, VDEV_ERROR_ABSENT);
    }
    ck_assert(frames[0]->busy); /* the uplink reads its memory */
    ck_assert_int_eq(vdev_switch_remove(&guest->port), VDEV_ERROR_BUSY);
    rig_uplink_complete(uplink, 0, VDEV_OK);
    ck_assert_int_eq(frames[0]->status, VDEV_OK);
    /* It may go on from here, or go. */
    ck_assert_int_eq(submit(guest, outside, address(0)), VDEV_OK);
    rig_settle(&rig);
    ck_assert_uint_eq(uplink->held_count, 1);
    rig_uplink_complete(uplink, 0, VDEV_OK);
    ck_assert_int_eq(vdev_switch_remove(&guest->port), VDEV_OK);
    ck_assert_int_eq(arrive(uplink, address(0), outside), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(a_port_that_goes_is_nobodys_receiver_any_more)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    ck_assert_int_eq(vdev_switch_remove(&one->port), VDEV_OK);
    ck_assert_int_eq(submit(other, address(0), address(1)), VDEV_OK);
    rig_settle(&rig);
    ck_assert_uint_eq(uplink->held_count, 1); /* unknown now */
    ck_assert_uint_eq(one->asked, 0);
    /* Its place and its address are free. */
    rig.guest_count = 0;
    rig_add_guest(&rig, NULL, 0);
    ck_assert_uint_eq(one->port.index, 1);
    ck_assert_int_eq(submit(other, address(0), address(1)), VDEV_OK);
    rig_settle(&rig);
    ck_assert_uint_eq(one->received, 1);
}
END_TEST

START_TEST(an_uplink_that_goes_holds_up_nobody)
{
    struct rig_uplink *gone = rig_add_uplink(&rig, 0, 0);
    struct rig_uplink *stays = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    ck_assert_int_eq(arrive(gone, address(0), outside), VDEV_OK);
    gone->depth = 1;
    ck_assert_int_eq(submit(one, outside, address(0)), VDEV_OK);
    ck_assert_int_eq(submit(one, outside, address(0)), VDEV_OK); /* will wait */
    ck_assert_int_eq(submit(one, everybody, address(0)), VDEV_OK);
    rig_settle(&rig);
    ck_assert_uint_eq(other->received, 0);
    vdev_switch_port_flush(&gone->port);
    gone->depth = 0;
    gone->refusal = VDEV_ERROR_ABSENT;
    rig_settle(&rig);
    ck_assert_uint_eq(other->received, 1);
    ck_assert_uint_eq(stays->held_count, 1);
    ck_assert_uint_eq(gone->port.net.sent.dropped[VDEV_NET_DROP_NO_LINK], 2);
    ck_assert_int_eq(vdev_switch_remove(&gone->port), VDEV_OK);
    ck_assert_ptr_null(gone->net.client.accept);
    ck_assert_int_eq(submit(one, outside, address(0)), VDEV_OK);
    rig_settle(&rig);
    ck_assert_uint_eq(stays->held_count, 2);
    /* What it had it completes, when it can. */
    gone->starved = false;
    rig_uplink_complete(gone, 0, VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(one->port.slots_free, (1u << RIG_SLOTS) - 1 - 2 - 4);
}
END_TEST

static void flush_the_sender(struct rig_guest *guest)
{
    (void)guest;
    vdev_switch_port_flush(&rig.guests[0].port);
    ck_assert_int_eq(vdev_switch_remove(&rig.guests[3].port), VDEV_ERROR_BUSY);
    ck_assert(
        vdev_switch_poll(&rig.mux)); /* does nothing from inside, but says that there is work */
}

START_TEST(a_flush_from_inside_of_a_delivery)
{
    struct rig_guest *sender = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *receiver = rig_add_guest(&rig, NULL, 0);
    rig_add_guest(&rig, NULL, 0);
    rig_add_guest(&rig, NULL, 0);
    struct rig_frame *first = frame_to(address(1), address(0));

    receiver->on_delivered = flush_the_sender;
    ck_assert_int_eq(rig_submit(sender, first), VDEV_OK);
    struct rig_frame *second = frame_to(address(1), address(0));
    ck_assert_int_eq(rig_submit(sender, second), VDEV_OK);
    vdev_switch_poll(&rig.mux);
    ck_assert_int_eq(first->status, VDEV_OK); /* had been delivered */
    rig_settle(&rig);
    ck_assert_int_eq(second->status, VDEV_ERROR_ABSENT);
    receiver->on_delivered = NULL;
    struct rig_frame *third = frame_to(address(1), address(0));
    ck_assert_int_eq(rig_submit(sender, third), VDEV_OK);
    rig_settle(&rig);
    ck_assert_int_eq(third->status, VDEV_OK);
    ck_assert_uint_eq(receiver->received, 2);
}
END_TEST

START_TEST(configurations_that_are_refused)
{
    struct vdev_switch mux;
    struct vdev_switch_configuration good = {
        .entries = rig.entries, .entry_count = 64, .clock = &rig.clock};
    struct vdev_switch_configuration with;
    struct vdev_switch_guest_configuration guest;
    struct rig_guest *place = &rig.guests[3];

#define REFUSED(change)                                                                            \
    with = good;                                                                                   \
    with.change;                                                                                   \
    ck_assert_int_eq(vdev_switch_init(&mux, &with), VDEV_ERROR_INVALID)
    REFUSED(entries = NULL);
    REFUSED(clock = NULL);
    REFUSED(entry_count = 0);
    REFUSED(entry_count = 2);
    REFUSED(entry_count = 48);
    REFUSED(entry_count = 1u << 17);
    REFUSED(mtu = 67);
#define GUEST_REFUSED(change, status)                                                              \
    guest = rig_guest_default(&rig);                                                               \
    guest.change;                                                                                  \
    ck_assert_int_eq(vdev_switch_add_guest(&rig.mux, &place->port, &guest), status)
    GUEST_REFUSED(slots = NULL, VDEV_ERROR_INVALID);
    GUEST_REFUSED(slot_count = 0, VDEV_ERROR_INVALID);
    GUEST_REFUSED(slot_count = 33, VDEV_ERROR_INVALID);
    GUEST_REFUSED(pieces = NULL, VDEV_ERROR_INVALID);
    GUEST_REFUSED(piece_count = 2 * RIG_SLOTS + 1, VDEV_ERROR_INVALID);
    GUEST_REFUSED(queue_maximum = 0, VDEV_ERROR_INVALID);
    GUEST_REFUSED(learned_maximum = 1, VDEV_ERROR_INVALID);
    GUEST_REFUSED(address[0] = 0x53, VDEV_ERROR_INVALID);
    GUEST_REFUSED(address[0] = 0, VDEV_ERROR_INVALID);
    GUEST_REFUSED(group.rate = 1, VDEV_ERROR_INVALID);
    GUEST_REFUSED(unknown_unicast.rate = RIG_SECOND + 1, VDEV_ERROR_INVALID);
    rig_add_guest(&rig, NULL, 0);
    GUEST_REFUSED(address[5] = 0, VDEV_ERROR_INVALID); /* another has it */
    struct rig_uplink *uplink = &rig.uplinks[0];
    struct vdev_switch_uplink_configuration up = {.net = &uplink->net,
                                                  .bounce = {uplink->bounce, 14, 0}};
    ck_assert_int_eq(vdev_switch_add_uplink(&rig.mux, &uplink->port, &up), VDEV_ERROR_STATE);
    setup();
    up.bounce.length = 13;
    ck_assert_int_eq(vdev_switch_add_uplink(&rig.mux, &uplink->port, &up), VDEV_ERROR_INVALID);
    up.bounce.length = 14;
    up.accepts = 0x40;
    ck_assert_int_eq(vdev_switch_add_uplink(&rig.mux, &uplink->port, &up), VDEV_ERROR_INVALID);
    up.accepts = 0;
    uplink->net.maximum_buffers = 1;
    ck_assert_int_eq(vdev_switch_add_uplink(&rig.mux, &uplink->port, &up), VDEV_ERROR_INVALID);
    uplink->net.operations = &rig_uplink_operations;
    uplink->net.maximum_buffers = 4;
    ck_assert_int_eq(vdev_switch_add_uplink(&rig.mux, &uplink->port, &up), VDEV_OK);
    ck_assert_uint_eq(rig_add_guest(&rig, NULL, 0)->port.net.maximum_buffers, 3);
}
END_TEST

START_TEST(there_is_room_for_so_many_ports_and_fixed_addresses)
{
    static struct vdev_switch_port ports[VDEV_SWITCH_PORTS + 1];
    struct vdev_switch_guest_configuration with = rig_guest_default(&rig);
    uint32_t added = 0;

    with.fixed = false;
    for (; added < VDEV_SWITCH_PORTS; added++) {
        ck_assert_int_eq(vdev_switch_add_guest(&rig.mux, &ports[added], &with), VDEV_OK);
        ck_assert_uint_eq(ports[added].index, added);
    }
    ck_assert_int_eq(vdev_switch_add_guest(&rig.mux, &ports[added], &with), VDEV_ERROR_FULL);
    ck_assert_int_eq(vdev_switch_remove(&ports[31]), VDEV_OK);
    ck_assert_int_eq(vdev_switch_add_guest(&rig.mux, &ports[32], &with), VDEV_OK);
    ck_assert_uint_eq(ports[32].index, 31);

    struct vdev_switch_entry few[VDEV_SWITCH_WAYS];
    struct vdev_switch small;
    ck_assert_int_eq(
        vdev_switch_init(&small,
                         &(struct vdev_switch_configuration){
                             .entries = few, .entry_count = VDEV_SWITCH_WAYS, .clock = &rig.clock}),
        VDEV_OK);
    with.fixed = true;
    for (added = 0; added < VDEV_SWITCH_WAYS; added++, with.address[5]++) {
        ck_assert_int_eq(vdev_switch_add_guest(&small, &ports[added], &with), VDEV_OK);
    }
    ck_assert_int_eq(vdev_switch_add_guest(&small, &ports[added], &with), VDEV_ERROR_FULL);
    ck_assert_int_eq(vdev_switch_remove(&ports[0]), VDEV_OK);
    ck_assert_int_eq(vdev_switch_add_guest(&small, &ports[added], &with), VDEV_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("switch_ports");
    TCase *tests = tcase_create("switch_ports");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_port_whose_link_is_down_neither_sends_nor_receives);
    tcase_add_test(tests, an_uplinks_link_is_shown_to_those_that_follow_it);
    tcase_add_test(tests, a_flush_fails_what_waits_and_forgets_what_was_learned);
    tcase_add_test(tests, a_port_that_goes_is_nobodys_receiver_any_more);
    tcase_add_test(tests, an_uplink_that_goes_holds_up_nobody);
    tcase_add_test(tests, a_flush_from_inside_of_a_delivery);
    tcase_add_test(tests, configurations_that_are_refused);
    tcase_add_test(tests, there_is_room_for_so_many_ports_and_fixed_addresses);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
