/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum's sum over scatter lists, against one that goes byte by byte. */
#include <stdlib.h>

#include <check.h>

#include <vdev/net_offload.h>

#include "support/net_packet.h"

static uint16_t as_in_memory(uint16_t number)
{
    uint8_t bytes[2] = {(uint8_t)(number >> 8), (uint8_t)number};
    uint16_t sum;
    memcpy(&sum, bytes, 2);
    return sum;
}

static uint16_t sum_of(const struct vdev_buffer *buffers, size_t count, size_t length, uint16_t sum)
{
    struct vdev_cursor cursor = vdev_cursor(buffers, count);
    return vdev_net_sum(&cursor, length, sum);
}

START_TEST(sum_at_every_alignment_and_length)
{
    for (size_t length = 0; length < 140; length++) {
        for (size_t offset = 0; offset < 8; offset++) {
            /* The piece ends where the memory does, for the sanitizer to see what goes past it. */
            uint8_t *memory = malloc(offset + length + (offset + length == 0));
            for (size_t i = 0; i < length; i++) {
                memory[offset + i] = (uint8_t)(packet_random(4) == 0 ? 0xff : packet_random(256));
            }
            struct vdev_buffer buffer = {memory + offset, length, 0};
            ck_assert_msg(packet_same_sum(sum_of(&buffer, 1, length, 0),
                                          as_in_memory(packet_sum(memory + offset, length, 0))),
                          "%zu bytes at %zu", length, offset);
            free(memory);
        }
    }
}
END_TEST

START_TEST(sum_over_every_two_cuts)
{
    enum { LENGTH = 75 };
    uint8_t bytes[LENGTH];
    for (size_t i = 0; i < LENGTH; i++) {
        bytes[i] = (uint8_t)packet_random(256);
    }
    uint16_t expected = as_in_memory(packet_sum(bytes, LENGTH, 0));
    for (size_t one = 0; one <= LENGTH; one++) {
        for (size_t two = one; two <= LENGTH; two++) {
            /* Each piece at an alignment that has nothing to do with the others'. */
            _Alignas(8) uint8_t memory[3][LENGTH + 4];
            uint8_t *at[3] = {memory[0] + one % 4, memory[1] + two % 4,
                              memory[2] + (one + two) % 3};
            struct vdev_buffer buffers[] = {
                {at[0], one, 0}, {at[1], two - one, 0}, {at[2], LENGTH - two, 0}};
            memcpy(at[0], bytes, one);
            memcpy(at[1], bytes + one, two - one);
            memcpy(at[2], bytes + two, LENGTH - two);
            ck_assert_msg(packet_same_sum(sum_of(buffers, 3, LENGTH, 0), expected), "%zu %zu", one,
                          two);
        }
    }
}
END_TEST

START_TEST(sum_of_bytes_one_at_a_time)
{
    uint8_t bytes[99];
    struct vdev_buffer buffers[99];
    for (size_t i = 0; i < 99; i++) {
        bytes[i] = (uint8_t)packet_random(256);
        buffers[i] = (struct vdev_buffer){bytes + i, 1, 0};
    }
    ck_assert(packet_same_sum(sum_of(buffers, 99, 99, 0), as_in_memory(packet_sum(bytes, 99, 0))));
}
END_TEST

START_TEST(sum_goes_on_from_another_and_moves_the_cursor)
{
    uint8_t bytes[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    struct vdev_buffer buffers[] = {{bytes, 4, 0}, {NULL, 0, 0}, {bytes + 4, 6, 0}};
    struct vdev_cursor cursor = vdev_cursor(buffers, 3);
    uint16_t sum = vdev_net_sum(&cursor, 6, as_in_memory(0xff00));

    ck_assert(packet_same_sum(sum, as_in_memory(packet_sum(bytes, 6, 0xff00))));
    sum = vdev_net_sum(&cursor, 4, sum);
    ck_assert(packet_same_sum(sum, as_in_memory(packet_sum(bytes, 10, 0xff00))));
    ck_assert_uint_eq(vdev_net_sum(&cursor, 5, sum), sum); /* nothing is left */
    ck_assert(packet_same_sum(sum_of(buffers, 3, 1000, 0), as_in_memory(packet_sum(bytes, 10, 0))));
    ck_assert_uint_eq(sum_of(buffers, 0, 4, 0x1234), 0x1234);
}
END_TEST

START_TEST(sum_carries_to_the_last_bit)
{
    static uint8_t ones[70000];
    memset(ones, 0xff, sizeof ones);
    struct vdev_buffer buffer = {ones, sizeof ones, 0};

    ck_assert_uint_eq(sum_of(&buffer, 1, sizeof ones, 0xffff), 0xffff);
    ck_assert_uint_eq(sum_of(&buffer, 1, sizeof ones, 0), 0xffff);
    ones[0] = 0;
    ones[1] = 1;
    ck_assert_uint_eq(sum_of(&buffer, 1, sizeof ones, 0), as_in_memory(1));
    memset(ones, 0, sizeof ones);
    ck_assert_uint_eq(sum_of(&buffer, 1, sizeof ones, 0), 0);
}
END_TEST

static void setup(void)
{
    packet_random_state = 4;
}

int main(void)
{
    Suite *suite = suite_create("net_sum");
    TCase *sums = tcase_create("sums");

    tcase_add_checked_fixture(sums, setup, NULL);
    tcase_add_test(sums, sum_at_every_alignment_and_length);
    tcase_add_test(sums, sum_over_every_two_cuts);
    tcase_add_test(sums, sum_of_bytes_one_at_a_time);
    tcase_add_test(sums, sum_goes_on_from_another_and_moves_the_cursor);
    tcase_add_test(sums, sum_carries_to_the_last_bit);
    suite_add_tcase(suite, sums);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
