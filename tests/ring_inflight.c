/* SPDX-License-Identifier: BSD-2-Clause */
/* What a device has in flight is noted where it outlives it, step by step; and the one after it. */
#include <time.h>

#include "ring_inflight.h"

/* ---- the layout and the steps ---- */

START_TEST(a_queue_has_a_header_and_an_entry_for_each_head_and_fills_lines_of_64)
{
    static const struct {
        uint16_t size;
        size_t bytes;
    } rows[] = {{1, 64}, {2, 64}, {4, 128}, {128, 2112}, {256, 4160}, {32768, 524352}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_uint_eq(vdev_device_queue_inflight_bytes(rows[i].size), rows[i].bytes);
    }
}
END_TEST

START_TEST(zeros_become_the_notes_of_this_queue)
{
    ck_assert_uint_eq(get16(VERSION), 1);
    ck_assert_uint_eq(get16(DESC_NUM), 8);
    ck_assert_uint_eq(get16(USED), 0);
    ck_assert_empty();
}
END_TEST

START_TEST(what_is_taken_is_noted_with_its_turn_until_it_is_given_back)
{
    offer_heads("52");
    ck_assert_taken(5);
    ck_assert_taken(2);
    ck_assert(is_noted(5) && is_noted(2) && !is_noted(0));
    ck_assert_uint_eq(counter_of(5), 0);
    ck_assert_uint_eq(counter_of(2), 1);
    vdev_device_queue_give(&pair->device, 2, 7);
    ck_assert(is_noted(5) && !is_noted(2));
    ck_assert_uint_eq(get16(LAST_BATCH), 2);
    ck_assert_uint_eq(get16(USED), 1);
    ck_assert_uint_eq(pair_used_id(pair, 0), 2);
    ck_assert_uint_eq(pair_used_length(pair, 0), 7);
}
END_TEST

static unsigned step;

/* The protocol's steps for a batch of 6, 1 and 3, looked at after each store. */
static void look_at_a_batch(void)
{
    unsigned noted = (unsigned)is_noted(6) + is_noted(1) + is_noted(3);
    bool shown = pair_used_index(pair) == 3;

    step++;
    pair_require(shown || noted == 3);            /* nothing is settled before it is shown */
    pair_require(get16(USED) == 0 || noted == 0); /* the index is noted last */
    if (shown) {
        pair_require(get16(LAST_BATCH) == 3 && get16(16 + 16 * 3 + 6) == 1 &&
                     get16(16 + 16 * 1 + 6) == 6);
    }
}

START_TEST(a_batch_is_listed_then_shown_then_settled)
{
    const struct vdev_used_chain batch[3] = {{1, 6}, {2, 1}, {3, 3}};
    offer_heads("613");
    ck_assert_taken(6);
    ck_assert_taken(1);
    ck_assert_taken(3);
    on_store = look_at_a_batch;
    step = 0;
    vdev_device_queue_give_all(&pair->device, batch, 3);
    on_store = NULL;
    ck_assert_uint_eq(step, 3 * 4 + 1 + 3 + 1);
    ck_assert_uint_eq(get16(USED), 3);
    ck_assert(!is_noted(6) && !is_noted(1) && !is_noted(3));
}
END_TEST

START_TEST(a_malformed_chain_and_a_refused_one_leave_nothing_behind)
{
    offer_heads("401");
    pair->descriptors[4].address = UINT64_MAX - 3;
    ck_assert_taken(0);
    vdev_device_queue_refuse(&pair->device, 0);
    ck_assert_taken(1);
    ck_assert(!is_noted(4) && !is_noted(0) && is_noted(1));
    ck_assert_uint_eq(get16(USED), 2);
    ck_assert_uint_eq(pair->device.malformed, 2);
}
END_TEST

START_TEST(what_is_not_taken_or_no_head_cannot_be_given)
{
    const struct vdev_used_chain batch[2] = {{1, 3}, {1, 8}};
    offer_heads("31");
    vdev_device_queue_give(&pair->device, 3, 0);
    ck_assert_taken(3);
    ck_assert_taken(1);
    vdev_device_queue_give(&pair->device, 8, 0);
    vdev_device_queue_give_all(&pair->device, batch, 2);
    ck_assert_uint_eq(pair_used_index(pair), 0);
    ck_assert_int_eq(start(), VDEV_OK);
    vdev_device_queue_give(&pair->device, 3, 0); /* in flight, but not taken once more */
    ck_assert_uint_eq(pair_used_index(pair), 0);
}
END_TEST

/* ---- going on ---- */

START_TEST(what_was_in_flight_comes_first_and_in_its_order)
{
    offer_heads("70362");
    for (unsigned i = 0; i < 4; i++) {
        uint16_t id;
        ck_assert_int_eq(take_one(&id), VDEV_OK);
    }
    vdev_device_queue_give(&pair->device, 0, 0);
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert_uint_eq(pair->device.next_available, 4);
    ck_assert_taken(7);
    ck_assert_taken(3);
    ck_assert_taken(6);
    ck_assert_uint_eq(counter_of(6), 3);
    ck_assert_taken(2); /* from the ring */
    ck_assert_uint_eq(counter_of(2), 4);
    ck_assert_empty();
}
END_TEST

START_TEST(the_last_batch_of_another_program_is_settled)
{
    /* It gave back 5, 4 and 1, of which the driver knows, and was killed. 2 and 6 remain. */
    note_queue(1, 8, 1, 100);
    note(5, 11, 7);
    note(4, 14, 5);
    note(1, 12, 4);
    note(2, 15, 0);
    note(6, 13, 2);
    pair->used[0] = 103u << 16;
    pair->available[1] = 105;
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert_uint_eq(get16(USED), 103);
    ck_assert(!is_noted(5) && !is_noted(4) && !is_noted(1));
    ck_assert_taken(6);
    ck_assert_taken(2);
    ck_assert_empty();
    pair_offer(pair, 0);
    ck_assert_taken(0);
    ck_assert_uint_eq(counter_of(0), 16);
}
END_TEST

START_TEST(notes_that_are_not_of_this_queue_are_as_good_as_none)
{
    for (unsigned kind = 0; kind < 5; kind++) {
        memset(notes, 0, vdev_device_queue_inflight_bytes(8));
        note_queue(kind == 0 ? 2 : 1, kind == 1 ? 16 : kind == 2 ? 4 : 8, 0, kind == 3 ? 1 : 10);
        notes[0] = kind == 4;
        note(3, 1, 0);
        pair->used[0] = 10u << 16;
        pair->available[1] = 10;
        ck_assert_int_eq(start(), VDEV_OK);
        ck_assert(!is_noted(3));
        ck_assert_uint_eq(notes[0], 0);
        ck_assert_uint_eq(get16(VERSION), 1);
        ck_assert_uint_eq(get16(DESC_NUM), 8);
        ck_assert_uint_eq(get16(USED), 10);
        ck_assert_uint_eq(pair->device.next_available, 10);
        ck_assert_empty();
    }
}
END_TEST

START_TEST(a_driver_that_was_not_told_is_told_after_the_restart)
{
    offer_heads("01");
    ck_assert_taken(0);
    vdev_device_queue_give(&pair->device, 0, 0);
    pair->available[2 + 8] = 0; /* used event: tell me of the first */
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert(vdev_device_queue_signal(&pair->device));
    ck_assert(!vdev_device_queue_signal(&pair->device));
    pair->available[2 + 8] = 1; /* it has seen that one */
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert(!vdev_device_queue_signal(&pair->device));
}
END_TEST

START_TEST(the_device_does_not_go_idle_over_what_is_to_be_taken_again)
{
    offer_heads("01");
    ck_assert_taken(0);
    ck_assert_taken(1);
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert(vdev_device_queue_arm(&pair->device));
    ck_assert_taken(0);
    ck_assert(vdev_device_queue_arm(&pair->device));
    ck_assert_taken(1);
    ck_assert(!vdev_device_queue_arm(&pair->device));
}
END_TEST

START_TEST(chains_put_back_are_not_in_flight)
{
    offer_heads("4071");
    ck_assert_taken(4);
    ck_assert_taken(0);
    ck_assert_taken(7);
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert_taken(4);
    ck_assert_taken(0);
    vdev_device_queue_give(&pair->device, 4, 0);
    ck_assert(!vdev_device_queue_untake(&pair->device, 3));
    ck_assert_taken(7);
    ck_assert_taken(1);
    ck_assert(vdev_device_queue_untake(&pair->device, 3)); /* the list's and the ring's */
    ck_assert(is_noted(0) && is_noted(7) && !is_noted(1));
    ck_assert_taken(0);
    ck_assert_taken(7);
    ck_assert_taken(1);
    ck_assert(vdev_device_queue_untake(&pair->device, 3));
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert_uint_eq(pair->device.next_available, 3);
    ck_assert_taken(0);
    ck_assert_taken(7);
    ck_assert_taken(1);
    ck_assert_empty();
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
    pair->configuration.packed = true;
    ck_assert_int_eq(start(), VDEV_ERROR_UNSUPPORTED);
    pair->configuration.packed = false;
    pair->configuration.inflight = notes + 4;
    ck_assert_int_eq(start(), VDEV_ERROR_RANGE);
    ck_assert(!pair->device.live);
}
END_TEST

START_TEST(the_longest_queue_is_put_in_order_in_no_time)
{
    enum { LONGEST = 32768 };
    close_ring();
    open_ring(LONGEST, false);
    note_queue(1, LONGEST, 0, 5);
    pair->used[0] = 5u << 16;
    pair->available[1] = (uint16_t)(5 + LONGEST);
    for (unsigned i = 0; i < LONGEST; i++) { /* 40503 is odd: each counter once */
        note(i, (uint64_t)(i * 40503u % LONGEST) << 40, (uint16_t)i);
    }
    clock_t begin = clock();
    ck_assert_int_eq(start(), VDEV_OK);
    for (unsigned turn = 0; turn < LONGEST; turn++) {
        uint16_t id;
        pair_require(take_one(&id) == VDEV_OK && id * 40503u % LONGEST == turn);
    }
    ck_assert_empty();
    /* A hundredth of this, but sanitizers and others on this machine take their share. */
    ck_assert(clock() - begin < 2 * CLOCKS_PER_SEC);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring_inflight");
    TCase *steps = tcase_create("steps");
    tcase_add_checked_fixture(steps, setup, close_ring);
    tcase_add_test(steps, a_queue_has_a_header_and_an_entry_for_each_head_and_fills_lines_of_64);
    tcase_add_test(steps, zeros_become_the_notes_of_this_queue);
    tcase_add_test(steps, what_is_taken_is_noted_with_its_turn_until_it_is_given_back);
    tcase_add_test(steps, a_batch_is_listed_then_shown_then_settled);
    tcase_add_test(steps, a_malformed_chain_and_a_refused_one_leave_nothing_behind);
    tcase_add_test(steps, what_is_not_taken_or_no_head_cannot_be_given);
    suite_add_tcase(suite, steps);
    TCase *on = tcase_create("going on");
    tcase_add_checked_fixture(on, setup, close_ring);
    tcase_add_test(on, what_was_in_flight_comes_first_and_in_its_order);
    tcase_add_test(on, the_last_batch_of_another_program_is_settled);
    tcase_add_test(on, notes_that_are_not_of_this_queue_are_as_good_as_none);
    tcase_add_test(on, a_driver_that_was_not_told_is_told_after_the_restart);
    tcase_add_test(on, the_device_does_not_go_idle_over_what_is_to_be_taken_again);
    tcase_add_test(on, chains_put_back_are_not_in_flight);
    tcase_add_test(on, what_cannot_be_is_refused);
    tcase_add_test(on, the_longest_queue_is_put_in_order_in_no_time);
    suite_add_tcase(suite, on);
    return pair_main(suite);
}
