/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's end of a ring against a hostile device: it writes what it likes into the used ring,
 * and into the descriptor table and the available ring, which it should only read. A front-end must
 * get each of its tokens back at most once, with a length that fits, or an error that stays.
 */
#include "ring_pair.h"

#define SIZE 8u

static int tokens[SIZE];

/* Two descriptors each, the second of 16 writable bytes: heads 0, 2, 4, ... in a fresh ring. */
static struct pair *open_with(unsigned requests)
{
    struct pair *pair = pair_open(SIZE, false, 0);
    for (unsigned i = 0; i < requests; i++) {
        struct vdev_buffer readable = pair_buffer(pair, pair->data + i * PAIR_DATA, 8);
        struct vdev_buffer writable = pair_buffer(pair, pair->data + i * PAIR_DATA + 8, 16);
        ck_assert_int_eq(
            vdev_driver_queue_add(&pair->driver, &readable, 1, &writable, 1, &tokens[i]), VDEV_OK);
    }
    vdev_driver_queue_publish(&pair->driver);
    return pair;
}

static int take(struct pair *pair, void **token, uint32_t *written)
{
    *token = NULL;
    *written = 0xdeadbeef;
    return vdev_driver_queue_take(&pair->driver, token, written);
}

/* Corrupt: said at once, said again whatever the ring looks like then, and no token lost. */
static void expect_corrupt(struct pair *pair, unsigned in_flight)
{
    struct vdev_buffer buffer = pair_buffer(pair, pair->data, 8);
    void *token;
    uint32_t written;

    ck_assert_int_eq(take(pair, &token, &written), VDEV_ERROR_CORRUPT);
    ck_assert_ptr_null(token);
    pair->used[0] = (uint32_t)pair->driver.next_used << 16;
    ck_assert_int_eq(take(pair, &token, &written), VDEV_ERROR_CORRUPT);
    ck_assert_int_eq(vdev_driver_queue_add(&pair->driver, &buffer, 1, NULL, 0, &buffer),
                     VDEV_ERROR_CORRUPT);
    ck_assert(!vdev_driver_queue_publish(&pair->driver));
    ck_assert(!vdev_driver_queue_arm(&pair->driver));
    for (unsigned i = 0; i < in_flight; i++) {
        ck_assert_ptr_nonnull(vdev_driver_queue_drain(&pair->driver));
    }
    ck_assert_ptr_null(vdev_driver_queue_drain(&pair->driver));
    pair_close(pair);
}

START_TEST(used_id_out_of_range)
{
    /* The last two name good heads if they are cut to 16 or 8 bits. */
    static const uint32_t ids[] = {SIZE, 0xffff, 0xffffffff, 0x80000000, 0x10000, 0x10002, 0x100};
    for (unsigned i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct pair *pair = open_with(2);
        pair_use(pair, ids[i], 0);
        expect_corrupt(pair, 2);
    }
}
END_TEST

START_TEST(used_id_not_in_flight)
{
    struct pair *pair = open_with(2);
    pair_use(pair, 6, 0); /* free */
    expect_corrupt(pair, 2);
    pair = open_with(2);
    pair_use(pair, 1, 0); /* in flight, but no head: the second descriptor of a request */
    expect_corrupt(pair, 2);
}
END_TEST

START_TEST(used_id_twice)
{
    struct pair *pair = open_with(3);
    void *token;
    uint32_t written;
    pair_use(pair, 2, 0);
    pair_use(pair, 2, 0);
    ck_assert_int_eq(take(pair, &token, &written), VDEV_OK);
    ck_assert_ptr_eq(token, &tokens[1]);
    expect_corrupt(pair, 2);
}
END_TEST

START_TEST(used_never)
{
    struct pair *pair = open_with(4);
    struct vdev_buffer buffer = pair_buffer(pair, pair->data, 8);
    void *token;
    uint32_t written;
    ck_assert_int_eq(take(pair, &token, &written), VDEV_ERROR_EMPTY);
    ck_assert_int_eq(vdev_driver_queue_add(&pair->driver, &buffer, 1, NULL, 0, &buffer),
                     VDEV_ERROR_FULL);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_ptr_eq(vdev_driver_queue_drain(&pair->driver), &tokens[i]);
    }
    ck_assert_ptr_null(vdev_driver_queue_drain(&pair->driver));
    pair_close(pair);
}
END_TEST

START_TEST(used_length_larger_than_the_buffer)
{
    static const uint32_t lengths[] = {0, 15, 16, 17, 24, 0xffffffff};
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct pair *pair = open_with(1);
        void *token;
        uint32_t written;
        pair_use(pair, 0, lengths[i]);
        ck_assert_int_eq(take(pair, &token, &written), VDEV_OK);
        ck_assert_uint_eq(written, lengths[i] < 16 ? lengths[i] : 16);
        pair_close(pair);
    }
}
END_TEST

START_TEST(used_index_jumps)
{
    static const uint16_t jumps[] = {3, SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff};
    for (unsigned i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        struct pair *pair = open_with(2);
        pair->used[1] = 0;
        pair->used[0] = (uint32_t)jumps[i] << 16;
        expect_corrupt(pair, 2);
    }
}
END_TEST

START_TEST(used_index_runs_backwards)
{
    struct pair *pair = open_with(3);
    void *token;
    uint32_t written;
    pair_use(pair, 0, 0);
    ck_assert_int_eq(take(pair, &token, &written), VDEV_OK);
    pair->used[0] = 0;
    expect_corrupt(pair, 2);
}
END_TEST

/* Completed before it was published: only what was published can come back. */
START_TEST(used_before_it_was_made_available)
{
    struct pair *pair = open_with(0);
    struct vdev_buffer buffer = pair_buffer(pair, pair->data, 8);
    ck_assert_int_eq(vdev_driver_queue_add(&pair->driver, &buffer, 1, NULL, 0, &buffer), VDEV_OK);
    pair_use(pair, 0, 0);
    expect_corrupt(pair, 1);
}
END_TEST

/* What the device scribbles over the parts it should only read does not reach our bookkeeping. */
START_TEST(descriptor_table_and_available_ring_overwritten)
{
    struct pair *pair = open_with(4);
    void *token;
    uint32_t written;

    memset(pair->descriptors, 0xff, SIZE * 16);
    memset((void *)(uintptr_t)pair->available, 0xff, 6 + SIZE * 2);
    for (unsigned i = 4; i-- > 0;) {
        pair_use(pair, 2 * i, 16);
        ck_assert_int_eq(take(pair, &token, &written), VDEV_OK);
        ck_assert_ptr_eq(token, &tokens[i]);
        ck_assert_uint_eq(written, 16);
    }
    ck_assert_uint_eq(pair->driver.free_count, SIZE);
    /* All eight descriptors are free again, each once: a chain over all of them proves it. */
    struct vdev_buffer list[SIZE];
    for (unsigned i = 0; i < SIZE; i++) {
        list[i] = pair_buffer(pair, pair->data, 1);
    }
    ck_assert_int_eq(vdev_driver_queue_add(&pair->driver, list, SIZE, NULL, 0, tokens), VDEV_OK);
    vdev_driver_queue_publish(&pair->driver);
    unsigned seen = 0, count = 0;
    uint16_t index = pair->available[2 + 4 % SIZE];
    for (; count < SIZE; count++) {
        seen |= 1u << index;
        if ((pair->descriptors[index].flags & PAIR_NEXT) == 0) {
            break;
        }
        index = pair->descriptors[index].next;
    }
    ck_assert_uint_eq(count, SIZE - 1);
    ck_assert_uint_eq(seen, (1u << SIZE) - 1);
    pair_close(pair);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring: driver end, hostile device");
    TCase *classes = tcase_create("classes");
    tcase_add_test(classes, used_id_out_of_range);
    tcase_add_test(classes, used_id_not_in_flight);
    tcase_add_test(classes, used_id_twice);
    tcase_add_test(classes, used_never);
    tcase_add_test(classes, used_length_larger_than_the_buffer);
    tcase_add_test(classes, used_index_jumps);
    tcase_add_test(classes, used_index_runs_backwards);
    tcase_add_test(classes, used_before_it_was_made_available);
    tcase_add_test(classes, descriptor_table_and_available_ring_overwritten);
    suite_add_tcase(suite, classes);
    return pair_main(suite);
}
