/* SPDX-License-Identifier: BSD-2-Clause */
/* The switch: where frames go, what is learned and forgotten, who is refused, and what is copied.
 */
#include "support/switch_rig.h"

#define LENGTH 200u
#define AGEING (8ull * RIG_SECOND)

static struct rig rig;
static uint8_t bytes[RIG_BYTES], seen[RIG_BYTES];

static const uint8_t everybody[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t group[] = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01};
static const uint8_t outside[] = {0x00, 0x1b, 0x21, 0xaa, 0xbb, 0xcc};
static const uint8_t elsewhere[] = {0x00, 0x1b, 0x21, 0xaa, 0xbb, 0xcd};

static void setup(void)
{
    for (uint32_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 13 + (i >> 8));
    }
    rig_init_ageing(&rig, AGEING);
}

static struct vdev_switch_guest_configuration learning(void)
{
    struct vdev_switch_guest_configuration with = rig_guest_default(&rig);
    with.fixed = false;
    with.learned_maximum = 8;
    return with;
}

static struct rig_guest *add_learning(void)
{
    struct vdev_switch_guest_configuration with = learning();
    return rig_add_guest(&rig, &with, 0);
}

static const uint8_t *address(uint32_t guest)
{
    static uint8_t addresses[8][VDEV_NET_ADDRESS_BYTES];
    rig_address(addresses[guest], guest);
    return addresses[guest];
}

/* A frame of LENGTH from a guest, forwarded as far as that goes. */
static struct rig_frame *send(struct rig_guest *guest, const uint8_t *to, const uint8_t *from)
{
    rig_header(bytes, to, from);
    struct rig_frame *frame = rig_frame(&rig, bytes, LENGTH, 3);
    ck_assert_int_eq(rig_submit(guest, frame), VDEV_OK);
    rig_settle(&rig);
    return frame;
}

static int arrive(struct rig_uplink *uplink, const uint8_t *to, const uint8_t *from)
{
    rig_header(bytes, to, from);
    return rig_arrive(uplink, bytes, LENGTH, NULL);
}

#define ck_assert_received(guest, count) ck_assert_uint_eq((guest)->received, count)

/* ---- where frames go ---- */

START_TEST(between_guests_a_frame_is_copied_once_into_the_receivers_room)
{
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *third = rig_add_guest(&rig, NULL, 0);

    for (uint32_t pieces = 1; pieces <= RIG_PIECES; pieces++) {
        rig_header(bytes, address(1), address(0));
        struct rig_frame *frame = rig_frame(&rig, bytes, 1514, pieces);
        ck_assert_int_eq(rig_submit(one, frame), VDEV_OK);
        ck_assert_uint_eq(other->received, pieces - 1); /* nothing inside submit */
        ck_assert(frame->busy);
        ck_assert_uint_eq(rig_settle(&rig), 1);
        ck_assert(!frame->busy);
        ck_assert_int_eq(frame->status, VDEV_OK);
        ck_assert_received(other, pieces);
        ck_assert_mem_eq(other->room, bytes, 1514);
        memset(other->room, 0, 1514);
    }
    ck_assert_received(third, 0);
    ck_assert_uint_eq(one->port.net.sent.frames, RIG_PIECES);
    ck_assert_uint_eq(one->port.net.sent.bytes, RIG_PIECES * 1514);
    ck_assert_uint_eq(other->port.net.received.bytes, RIG_PIECES * 1514);
}
END_TEST

START_TEST(an_uplink_is_given_the_guests_own_frame_where_that_is_asked_for)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct vdev_switch_guest_configuration with = rig_guest_default(&rig);
    with.pass_through = true;
    struct rig_guest *guest = rig_add_guest(&rig, &with, 0);

    struct rig_frame *frame = send(guest, outside, address(0));
    struct rig_frame *second = send(guest, everybody, address(0));
    ck_assert_ptr_eq(uplink->held[0], &frame->frame);
    ck_assert_ptr_eq(uplink->held[1], &second->frame);
    ck_assert(frame->busy);
    rig_uplink_complete(uplink, 1, VDEV_OK);
    rig_uplink_complete(uplink, 0, VDEV_ERROR_IO);
    ck_assert(!frame->busy && !second->busy);
    ck_assert_int_eq(frame->status, VDEV_ERROR_IO);
    ck_assert(!vdev_switch_port_is_busy(&guest->port));
    ck_assert_uint_eq(uplink->port.net.sent.frames, 2);
}
END_TEST

START_TEST(an_uplink_is_given_the_guests_buffers_and_the_header_that_was_checked)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *guest = rig_add_guest(&rig, NULL, 0);

    for (uint32_t pieces = 1; pieces <= RIG_PIECES; pieces++) {
        struct rig_frame *frame;
        rig_header(bytes, outside, address(0));
        frame = rig_frame(&rig, bytes, 50, pieces);
        ck_assert_int_eq(rig_submit(guest, frame), VDEV_OK);
        rig_settle(&rig);
        ck_assert_uint_eq(uplink->held_count, 1);
        const struct vdev_net_frame *sent = uplink->held[0];
        ck_assert_ptr_ne(sent, &frame->frame);
        ck_assert_uint_eq(sent->buffers[0].length, VDEV_NET_HEADER_BYTES);
        uint32_t at = VDEV_NET_HEADER_BYTES;
        for (size_t i = 1; i < sent->buffer_count; at += (uint32_t)sent->buffers[i++].length) {
            ck_assert_ptr_eq(sent->buffers[i].pointer, bytes + at); /* not copied */
            ck_assert_uint_eq(sent->buffers[i].bus_address, 0x10000000u + at);
        }
        ck_assert_uint_eq(at, 50);
        bytes[6] ^= 0xff; /* another source, too late */
        ck_assert_uint_eq(rig_uplink_read(uplink, 0, seen), 50);
        bytes[6] ^= 0xff;
        ck_assert_mem_eq(seen, bytes, 50);
        ck_assert(frame->busy);
        rig_uplink_complete(uplink, 0, VDEV_OK);
        ck_assert(!frame->busy);
        ck_assert_uint_eq(frame->completions, 1);
    }
}
END_TEST

START_TEST(an_uplink_fills_the_one_receivers_own_room)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *guest = rig_add_guest(&rig, NULL, 0);

    ck_assert_int_eq(uplink->mode, VDEV_NET_RECEIVE_ALL);
    rig_header(bytes, address(0), outside);
    ck_assert_int_eq(rig_arrive_begin(uplink, bytes, LENGTH, NULL), VDEV_OK);
    ck_assert_ptr_eq(uplink->given.buffers, guest->buffers);
    rig_arrive_end(uplink, bytes, LENGTH);
    ck_assert_received(guest, 1);
    ck_assert_mem_eq(guest->room, bytes, LENGTH);
    /* A broadcast too, while there is one guest only. */
    rig_header(bytes, everybody, outside);
    ck_assert_int_eq(rig_arrive_begin(uplink, bytes, LENGTH, NULL), VDEV_OK);
    ck_assert_ptr_eq(uplink->given.buffers, guest->buffers);
    rig_arrive_end(uplink, bytes, LENGTH);
    ck_assert_uint_eq(uplink->port.net.received.frames, 2);
    ck_assert_uint_eq(guest->port.net.received.frames, 2);
}
END_TEST

START_TEST(an_uplinks_broadcast_is_bounced_and_given_to_each)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    rig_header(bytes, everybody, outside);
    ck_assert_int_eq(rig_arrive_begin(uplink, bytes, LENGTH, NULL), VDEV_OK);
    ck_assert_ptr_eq(uplink->given.buffers[0].pointer, uplink->bounce);
    ck_assert_uint_eq(one->asked + other->asked, 0);
    rig_arrive_end(uplink, bytes, LENGTH);
    ck_assert_received(one, 1);
    ck_assert_received(other, 1);
    ck_assert_mem_eq(one->room, bytes, LENGTH);
    ck_assert_mem_eq(other->room, bytes, LENGTH);
    ck_assert(!vdev_switch_poll(&rig.mux));
    ck_assert(!vdev_switch_port_is_busy(&uplink->port));
}
END_TEST

START_TEST(a_bad_frame_on_the_way_is_told_and_not_forwarded)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    rig_header(bytes, address(0), outside);
    ck_assert_int_eq(rig_arrive_begin(uplink, bytes, LENGTH, NULL), VDEV_OK);
    uplink->net.client.delivered(uplink->net.client.owner, VDEV_ERROR_IO);
    ck_assert_uint_eq(one->bad, 1);
    rig_header(bytes, everybody, outside);
    ck_assert_int_eq(rig_arrive_begin(uplink, bytes, LENGTH, NULL), VDEV_OK);
    uplink->net.client.delivered(uplink->net.client.owner, VDEV_ERROR_IO);
    rig_settle(&rig);
    ck_assert_uint_eq(one->asked + other->asked, 1);
    ck_assert_uint_eq(uplink->port.net.received.frames, 0);
    ck_assert_int_eq(arrive(uplink, everybody, outside), VDEV_OK);
    ck_assert_received(other, 1);
}
END_TEST

START_TEST(a_broadcast_of_a_guest_goes_to_all_others_and_not_back)
{
    struct rig_uplink *up = rig_add_uplink(&rig, 0, 0);
    struct rig_uplink *second = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *third = add_learning();

    struct rig_frame *frame = send(one, everybody, address(0));
    ck_assert_received(one, 0);
    ck_assert_received(other, 1);
    ck_assert_received(third, 1);
    ck_assert_uint_eq(up->held_count, 1);
    ck_assert_uint_eq(second->held_count, 1);
    rig_uplink_complete(second, 0, VDEV_ERROR_IO);
    ck_assert(frame->busy); /* the other still has its buffers */
    rig_uplink_complete(up, 0, VDEV_OK);
    ck_assert_uint_eq(frame->completions, 1);
    ck_assert_int_eq(frame->status, VDEV_ERROR_IO);
}
END_TEST

START_TEST(nothing_goes_from_uplink_to_uplink)
{
    struct rig_uplink *up = rig_add_uplink(&rig, 0, 0);
    struct rig_uplink *second = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *guest = rig_add_guest(&rig, NULL, 0);

    ck_assert_int_eq(arrive(up, everybody, outside), VDEV_OK);
    ck_assert_received(guest, 1);
    ck_assert_int_eq(arrive(second, outside, elsewhere),
                     VDEV_ERROR_ABSENT); /* known, at the other */
    ck_assert_int_eq(arrive(second, group, elsewhere), VDEV_OK);
    ck_assert_uint_eq(up->held_count + second->held_count, 0);
    ck_assert_uint_eq(second->port.net.received.dropped[VDEV_NET_DROP_FILTERED], 1);
    /* The guest's frames find their way. */
    send(guest, outside, address(0));
    ck_assert_uint_eq(up->held_count, 1);
    send(guest, elsewhere, address(0));
    ck_assert_uint_eq(second->held_count, 1);
}
END_TEST

START_TEST(unknown_unicast_is_not_for_guests_whose_address_is_known)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *sender = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *fixed = rig_add_guest(&rig, NULL, 0);
    struct vdev_switch_guest_configuration with = rig_guest_default(&rig);
    with.unknown = true;
    struct rig_guest *promiscuous = rig_add_guest(&rig, &with, 0);
    struct rig_guest *bridge = add_learning();

    send(sender, outside, address(0));
    ck_assert_received(fixed, 0);
    ck_assert_received(promiscuous, 1);
    ck_assert_received(bridge, 1);
    ck_assert_uint_eq(uplink->held_count, 1);
    ck_assert_int_eq(vdev_net_set_receive_mode(&promiscuous->port.net, VDEV_NET_RECEIVE_OWN),
                     VDEV_OK);
    send(sender, outside, address(0));
    ck_assert_received(promiscuous, 1);
    send(sender, group, address(0)); /* nor multicasts then; broadcasts yes */
    ck_assert_received(promiscuous, 1);
    ck_assert_received(fixed, 1);
    send(sender, everybody, address(0));
    ck_assert_received(promiscuous, 2);
    /* What is for one guest, the curious one does not get. */
    send(sender, address(1), address(0));
    ck_assert_received(fixed, 3);
    ck_assert_received(promiscuous, 2);
    ck_assert_received(bridge, 4);
}
END_TEST

START_TEST(what_is_for_the_next_bridge_alone_is_not_forwarded)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *guest = rig_add_guest(&rig, NULL, 0);
    uint8_t bridge[] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x00};

    send(guest, bridge, address(0));
    bridge[5] = 0x0f;
    ck_assert_int_eq(arrive(uplink, bridge, outside), VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(uplink->held_count + guest->received, 0);
    ck_assert_uint_eq(guest->port.net.sent.dropped[VDEV_NET_DROP_FILTERED], 1);
    ck_assert_uint_eq(uplink->port.net.received.dropped[VDEV_NET_DROP_FILTERED], 1);
    bridge[5] = 0x10;
    send(guest, bridge, address(0));
    ck_assert_uint_eq(uplink->held_count, 1);
}
END_TEST

START_TEST(a_frame_to_the_port_it_came_from_ends_there)
{
    struct rig_guest *guest = add_learning();
    struct rig_guest *other = add_learning();

    send(guest, everybody, outside);
    ck_assert_received(other, 1);
    struct rig_frame *frame = send(guest, outside, elsewhere);
    ck_assert_int_eq(frame->status, VDEV_OK);
    ck_assert_received(guest, 0);
    ck_assert_received(other, 1);
    ck_assert_uint_eq(guest->port.net.sent.dropped[VDEV_NET_DROP_FILTERED], 1);
}
END_TEST

/* ---- learning ---- */

START_TEST(addresses_are_learned_and_forgotten)
{
    struct rig_guest *one = add_learning();
    struct rig_guest *other = add_learning();
    struct rig_guest *third = add_learning();

    send(one, everybody, outside);
    ck_assert_received(third, 1);
    send(other, outside, elsewhere); /* known now */
    ck_assert_received(one, 1);
    ck_assert_received(third, 1);
    rig.now += AGEING - 1;
    for (uint32_t i = 0; i < VDEV_SWITCH_AGE_FRAMES; i++) {
        send(other, outside, elsewhere);
    }
    ck_assert_received(third, 1);
    rig.now += AGEING / VDEV_SWITCH_AGE_STEPS + 2; /* and now it has been silent for too long */
    for (uint32_t i = 0; i < VDEV_SWITCH_AGE_FRAMES; i++) {
        send(other, outside, elsewhere);
    }
    ck_assert_uint_ge(third->received, 2);
    uint32_t flooded = third->received;
    send(other, outside, elsewhere);
    ck_assert_received(third, flooded + 1);
    send(one, elsewhere, outside); /* it speaks again */
    send(other, outside, elsewhere);
    ck_assert_received(third, flooded + 1);
}
END_TEST

START_TEST(an_address_that_speaks_is_not_forgotten)
{
    struct rig_guest *one = add_learning();
    struct rig_guest *other = add_learning();
    struct rig_guest *third = add_learning();

    send(one, everybody, outside);
    send(other, everybody, elsewhere);
    uint32_t before = third->received;
    for (uint32_t i = 0; i < 200; i++) {
        rig.now += AGEING / 30;
        send(other, outside, elsewhere);
        send(one, elsewhere, outside);
    }
    ck_assert_received(third, before);
    ck_assert_uint_eq(one->port.learned, 1);
}
END_TEST

START_TEST(after_a_silence_of_any_length_all_learned_is_forgotten)
{
    struct rig_guest *one = add_learning();
    struct rig_guest *other = add_learning();

    send(one, everybody, outside);
    send(other, everybody, elsewhere);
    rig.now += 1000000ull * AGEING;
    for (uint32_t i = 0; i < RIG_ENTRIES * VDEV_SWITCH_AGE_FRAMES; i++) {
        send(other, everybody, elsewhere);
    }
    ck_assert_uint_eq(one->port.learned, 0);
    ck_assert_uint_eq(other->port.learned, 1);
}
END_TEST

START_TEST(a_station_that_moves_is_followed)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *one = add_learning();
    struct rig_guest *other = add_learning();

    send(one, everybody, outside);
    ck_assert_int_eq(arrive(uplink, outside, elsewhere), VDEV_OK);
    ck_assert_received(one, 1);
    uint32_t before = other->received;
    send(other, everybody, outside);
    uint32_t had = one->received;
    ck_assert_int_eq(arrive(uplink, outside, elsewhere), VDEV_OK);
    ck_assert_received(one, had);
    ck_assert_received(other, before + 1);
    ck_assert_uint_eq(one->port.learned, 0);
    ck_assert_uint_eq(other->port.learned, 1);
}
END_TEST

START_TEST(a_guest_fills_no_more_of_the_table_than_its_share)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *victim = add_learning();
    struct rig_guest *greedy = add_learning();
    uint8_t source[VDEV_NET_ADDRESS_BYTES] = {0x02};

    send(victim, everybody, outside);
    for (uint32_t i = 0; i < 5000; i++) {
        memcpy(source + 2, &i, sizeof i);
        send(greedy, outside, source);
        ck_assert_uint_le(greedy->port.learned, 8);
    }
    ck_assert_uint_eq(greedy->port.learned, 8);
    ck_assert_received(victim, 5000);
    ck_assert_int_eq(arrive(uplink, outside, elsewhere), VDEV_OK);
    ck_assert_received(victim, 5001); /* still known */
    ck_assert_uint_eq(greedy->received, 1);
    /* Nor by taking what others have learned, once it has its share. */
    send(greedy, everybody, outside);
    ck_assert_int_eq(arrive(uplink, outside, elsewhere), VDEV_OK);
    ck_assert_uint_eq(greedy->port.learned, 8);
    ck_assert_uint_eq(greedy->received, 1);
}
END_TEST

START_TEST(fixed_addresses_hold_in_a_table_full_of_learned_ones)
{
    struct vdev_switch_guest_configuration with = learning();
    with.learned_maximum = RIG_ENTRIES;
    struct rig_guest *greedy = rig_add_guest(&rig, &with, 0);
    uint8_t source[VDEV_NET_ADDRESS_BYTES] = {0x02};

    for (uint32_t i = 0; i < 5000; i++) {
        memcpy(source + 2, &i, sizeof i);
        send(greedy, everybody, source);
    }
    ck_assert_uint_eq(greedy->port.learned, RIG_ENTRIES);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0); /* takes a place there */
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);
    ck_assert_uint_eq(greedy->port.learned, RIG_ENTRIES - 2);
    rig.now += 10 * AGEING;
    for (uint32_t i = 0; i < 5000; i++) {
        memcpy(source + 2, &i, sizeof i);
        send(greedy, everybody, source);
    }
    uint32_t before = greedy->received;
    send(one, address(2), address(1));
    ck_assert_received(other, 5001);
    ck_assert_received(greedy, before);
}
END_TEST

/* ---- spoofing ---- */

START_TEST(a_source_that_is_not_the_senders_is_dropped)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *bridge = add_learning();

    struct rig_frame *frame = send(one, everybody, outside);
    ck_assert_int_eq(frame->status, VDEV_OK);
    ck_assert_uint_eq(one->port.net.sent.dropped[VDEV_NET_DROP_SPOOFED], 1);
    send(bridge, everybody, address(0)); /* another's fixed address */
    send(bridge, everybody, group);      /* nobody's */
    ck_assert_uint_eq(bridge->port.net.sent.dropped[VDEV_NET_DROP_SPOOFED], 2);
    ck_assert_int_eq(arrive(uplink, everybody, address(0)), VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(uplink->port.net.received.dropped[VDEV_NET_DROP_SPOOFED], 1);
    ck_assert_uint_eq(uplink->held_count + one->asked + bridge->asked, 0);
    ck_assert_uint_eq(bridge->port.learned, 0);
}
END_TEST

START_TEST(memory_that_changes_after_submit_changes_nothing_unchecked)
{
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    rig_header(bytes, address(1), address(0));
    struct rig_frame *frame = rig_frame(&rig, bytes, LENGTH, 3);
    ck_assert_int_eq(rig_submit(one, frame), VDEV_OK);
    memcpy(bytes + VDEV_NET_ADDRESS_BYTES, outside, sizeof outside);
    rig_settle(&rig);
    ck_assert_received(other, 0);
    ck_assert_uint_eq(one->port.net.sent.dropped[VDEV_NET_DROP_SPOOFED], 1);
}
END_TEST

static int accept_and_change(void *owner, const struct vdev_net_arrival *arrival,
                             struct vdev_net_room *room)
{
    memcpy(bytes + VDEV_NET_ADDRESS_BYTES, outside, sizeof outside); /* another processor of it */
    return rig_accept(owner, arrival, room);
}

START_TEST(memory_that_changes_after_the_check_does_not_reach_the_header)
{
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    struct rig_guest *other = rig_add_guest(&rig, NULL, 0);

    other->port.net.client.accept = accept_and_change;
    send(one, address(1), address(0));
    ck_assert_received(other, 1); /* the rig compares header and room */
    ck_assert_mem_eq(other->room + VDEV_NET_ADDRESS_BYTES, address(0), VDEV_NET_ADDRESS_BYTES);
}
END_TEST

START_TEST(an_address_can_be_exchanged_for_another_that_is_free)
{
    struct rig_uplink *uplink = rig_add_uplink(&rig, 0, 0);
    struct rig_guest *one = rig_add_guest(&rig, NULL, 0);
    rig_add_guest(&rig, NULL, 0);
    struct rig_guest *bridge = add_learning();

    ck_assert_int_eq(vdev_switch_port_set_address(&bridge->port, outside), VDEV_ERROR_STATE);
    ck_assert_int_eq(vdev_switch_port_set_address(&one->port, address(1)), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_switch_port_set_address(&one->port, group), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_switch_port_set_address(&one->port, address(0)), VDEV_OK);
    send(one, everybody, address(0));
    ck_assert_uint_eq(uplink->held_count, 1);
    ck_assert_int_eq(vdev_switch_port_set_address(&one->port, outside), VDEV_OK);
    send(one, everybody, address(0));
    ck_assert_uint_eq(uplink->held_count, 1);
    send(one, everybody, outside);
    ck_assert_uint_eq(uplink->held_count, 2);
    ck_assert_int_eq(arrive(uplink, outside, elsewhere), VDEV_OK);
    ck_assert_received(one, 1);
    send(bridge, everybody, address(0)); /* nobody's now */
    ck_assert_uint_eq(bridge->port.net.sent.dropped[VDEV_NET_DROP_SPOOFED], 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("switch");
    TCase *tests = tcase_create("switch");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, between_guests_a_frame_is_copied_once_into_the_receivers_room);
    tcase_add_test(tests, an_uplink_is_given_the_guests_own_frame_where_that_is_asked_for);
    tcase_add_test(tests, an_uplink_is_given_the_guests_buffers_and_the_header_that_was_checked);
    tcase_add_test(tests, an_uplink_fills_the_one_receivers_own_room);
    tcase_add_test(tests, an_uplinks_broadcast_is_bounced_and_given_to_each);
    tcase_add_test(tests, a_bad_frame_on_the_way_is_told_and_not_forwarded);
    tcase_add_test(tests, a_broadcast_of_a_guest_goes_to_all_others_and_not_back);
    tcase_add_test(tests, nothing_goes_from_uplink_to_uplink);
    tcase_add_test(tests, unknown_unicast_is_not_for_guests_whose_address_is_known);
    tcase_add_test(tests, what_is_for_the_next_bridge_alone_is_not_forwarded);
    tcase_add_test(tests, a_frame_to_the_port_it_came_from_ends_there);
    tcase_add_test(tests, addresses_are_learned_and_forgotten);
    tcase_add_test(tests, an_address_that_speaks_is_not_forgotten);
    tcase_add_test(tests, after_a_silence_of_any_length_all_learned_is_forgotten);
    tcase_add_test(tests, a_station_that_moves_is_followed);
    tcase_add_test(tests, a_guest_fills_no_more_of_the_table_than_its_share);
    tcase_add_test(tests, fixed_addresses_hold_in_a_table_full_of_learned_ones);
    tcase_add_test(tests, a_source_that_is_not_the_senders_is_dropped);
    tcase_add_test(tests, memory_that_changes_after_submit_changes_nothing_unchecked);
    tcase_add_test(tests, memory_that_changes_after_the_check_does_not_reach_the_header);
    tcase_add_test(tests, an_address_can_be_exchanged_for_another_that_is_free);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
