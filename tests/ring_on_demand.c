/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking chains on demand at the device's end, putting them back, and giving several at once. */
#include "ring_pair.h"

static struct pair *pair;
static struct vdev_buffer buffers[8];

static void setup(void)
{
    pair = pair_open(8, true, 0);
}

static void teardown(void)
{
    pair_close(pair);
}

static void offer(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint16_t at = pair_available_index(pair) % pair->size;
        pair_write(pair, at, pair_guest(pair, pair->data), 10, PAIR_WRITE, 0);
        pair_offer(pair, at);
    }
}

static int take(uint16_t *id)
{
    struct vdev_chain chain = {.buffers = buffers, .capacity = 8};
    int status = vdev_device_queue_take(&pair->device, &chain);
    *id = chain.id;
    return status;
}

#define ck_assert_taken(expected)                                                                  \
    do {                                                                                           \
        uint16_t id_;                                                                              \
        ck_assert_int_eq(take(&id_), VDEV_OK);                                                     \
        ck_assert_uint_eq(id_, (expected));                                                        \
    } while (0)

START_TEST(chains_put_back_are_taken_again_in_their_order)
{
    offer(4);
    ck_assert_taken(0);
    ck_assert_taken(1);
    ck_assert_taken(2);
    ck_assert(vdev_device_queue_untake(&pair->device, 2));
    ck_assert_taken(1);
    ck_assert_taken(2);
    ck_assert_taken(3);
    ck_assert(vdev_device_queue_untake(&pair->device, 4));
    ck_assert_uint_eq(pair->device.chains, 0);
    ck_assert_taken(0);
    ck_assert_uint_eq(pair_used_index(pair), 0);
}
END_TEST

START_TEST(no_more_than_are_taken)
{
    offer(3);
    ck_assert(vdev_device_queue_untake(&pair->device, 0));
    ck_assert(!vdev_device_queue_untake(&pair->device, 1));
    ck_assert_taken(0);
    ck_assert_taken(1);
    ck_assert(!vdev_device_queue_untake(&pair->device, 3));
    ck_assert(!vdev_device_queue_untake(&pair->device, 65537));
    vdev_device_queue_give(&pair->device, 0, 0);
    ck_assert(!vdev_device_queue_untake(&pair->device, 2));
    ck_assert(vdev_device_queue_untake(&pair->device, 1));
    ck_assert_taken(1);
}
END_TEST

START_TEST(not_across_one_that_came_back_as_malformed)
{
    offer(4);
    pair->descriptors[1].address = UINT64_MAX - 3; /* the library's own finding */
    ck_assert_taken(0);
    ck_assert_taken(2);
    ck_assert_uint_eq(pair_used_index(pair), 1);
    ck_assert(!vdev_device_queue_untake(&pair->device, 2));
    ck_assert(vdev_device_queue_untake(&pair->device, 1));
    ck_assert_taken(2);
    ck_assert_taken(3);
    vdev_device_queue_refuse(&pair->device, 3); /* the device's */
    ck_assert_uint_eq(pair_used_id(pair, 1), 3);
    ck_assert_uint_eq(pair_used_length(pair, 1), 0);
    ck_assert_uint_eq(pair->device.malformed, 2);
    ck_assert(!vdev_device_queue_untake(&pair->device, 1));
}
END_TEST

START_TEST(at_any_place_in_the_ring_and_of_the_index)
{
    for (unsigned i = 0; i < 70000; i++) {
        uint16_t id;
        offer(2);
        pair_require(take(&id) == VDEV_OK && take(&id) == VDEV_OK);
        pair_require(vdev_device_queue_untake(&pair->device, 2));
        pair_require(take(&id) == VDEV_OK && id == 2 * i % 8);
        vdev_device_queue_give(&pair->device, id, 0);
        pair_require(take(&id) == VDEV_OK && id == (2 * i + 1) % 8);
        vdev_device_queue_give(&pair->device, id, 0);
    }
    ck_assert_uint_eq(pair->device.chains, 140000);
}
END_TEST

START_TEST(several_are_shown_to_the_driver_in_their_order)
{
    const struct vdev_used_chain used[3] = {{100, 0}, {200, 1}, {7, 2}};
    offer(3);
    ck_assert_taken(0);
    ck_assert_taken(1);
    ck_assert_taken(2);
    vdev_device_queue_give_all(&pair->device, used, 3);
    ck_assert_uint_eq(pair_used_index(pair), 3);
    for (uint16_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(pair_used_id(pair, i), used[i].id);
        ck_assert_uint_eq(pair_used_length(pair, i), used[i].written);
    }
}
END_TEST

START_TEST(several_are_no_more_than_are_taken)
{
    const struct vdev_used_chain used[3] = {{100, 0}, {200, 1}, {7, 2}};
    offer(3);
    ck_assert_taken(0);
    ck_assert_taken(1);
    vdev_device_queue_give_all(&pair->device, used, 3);
    ck_assert_uint_eq(pair_used_index(pair), 0);
    vdev_device_queue_stop(&pair->device);
    vdev_device_queue_give_all(&pair->device, used, 2);
    ck_assert_uint_eq(pair_used_index(pair), 0);
    ck_assert(!vdev_device_queue_untake(&pair->device, 1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring_on_demand");
    TCase *tests = tcase_create("on demand");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, chains_put_back_are_taken_again_in_their_order);
    tcase_add_test(tests, no_more_than_are_taken);
    tcase_add_test(tests, not_across_one_that_came_back_as_malformed);
    tcase_add_test(tests, at_any_place_in_the_ring_and_of_the_index);
    tcase_add_test(tests, several_are_shown_to_the_driver_in_their_order);
    tcase_add_test(tests, several_are_no_more_than_are_taken);
    suite_add_tcase(suite, tests);
    return pair_main(suite);
}
