/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL181 driver and the card layer against our own emulators: data, errors, cards that leave. */
#include <stdlib.h>

#include "support/pl181_rig.h"
#include "support/ram_disk.h"

static struct ram_disk disk;
static struct pl181_rig rig, upper;
static uint8_t data[512 * 1024], other[512 * 1024];

static void setup(void)
{
    ram_disk_init(&disk);
    rig_init(&rig, &disk.block, RIG_BUFFER);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 31 + i / 512 + i / 65536);
    }
}

START_TEST(identifies_a_card_of_standard_capacity)
{
    const struct vdev_block_information *information = &rig.card.block.information;

    ck_assert_uint_eq(information->sectors, RAM_DISK_SECTORS);
    ck_assert_uint_eq(information->block_size, 512);
    ck_assert(!information->read_only);
    ck_assert_int_eq(strncmp(information->identifier, "vdev_-", 6), 0);
    ck_assert_uint_eq(strlen(information->identifier), 14);
    ck_assert(!rig.card.high_capacity);
    ck_assert(!rig.line[0] && !rig.line[1]);
}
END_TEST

START_TEST(identifies_a_card_of_high_capacity)
{
    disk.block.information.sectors = 8u << 21; /* 8 GiB */
    rig_init(&rig, &disk.block, 4096);
    ck_assert(rig.card.high_capacity);
    ck_assert_uint_eq(rig.card.block.information.sectors, 8u << 21);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_WRITE, 2000, data, 8192), VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 2000 * 512, data, 8192);
}
END_TEST

START_TEST(uses_four_lines_where_the_board_has_them)
{
    rig_emulator(&rig, &disk.block, 4096);
    ck_assert_int_eq(rig_driver(&rig, true), VDEV_OK);
    ck_assert_int_eq(vdev_sd_card_init(&rig.card, &rig.driver.host, &rig.clock.clock), VDEV_OK);
    ck_assert(rig.emulator.card.wide);
    ck_assert_uint_ne(rig.emulator.values[1] & 1u << 11, 0);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 3, other, 512), VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 3 * 512, other, 512);
}
END_TEST

START_TEST(the_clock_never_exceeds_what_it_may)
{
    static const uint32_t hertz[] = {1, 100000, 400000, 5999999, 6000000, 12000000, 23999999};

    for (size_t i = 0; i < sizeof hertz / sizeof hertz[0]; i++) {
        rig.driver.host.operations->set_bus(&rig.driver.host, hertz[i], 1);
        uint32_t value = rig.emulator.values[1];
        uint32_t is = 24000000 / (2 * ((value & 0xff) + 1));
        ck_assert_uint_eq(value & 1u << 10, 0);
        ck_assert_msg(is <= hertz[i] || (value & 0xff) == 255, "%u for %u", is, hertz[i]);
    }
    rig.driver.host.operations->set_bus(&rig.driver.host, 25000000, 1);
    ck_assert_uint_eq(rig.emulator.values[1] & 1u << 10, 1u << 10);
}
END_TEST

START_TEST(data_of_all_sizes_and_places_is_the_same_on_both_sides)
{
    static const unsigned sectors[] = {1, 2, 7, 31, 32, 126, 127, 128, 129, 254, 255, 512};

    for (size_t i = 0; i < sizeof sectors / sizeof sectors[0]; i++) {
        size_t length = sectors[i] * 512u;
        uint64_t sector = i * 13;
        uint8_t *from = data + (i % 5) * 512;
        ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_WRITE, sector, from, length),
                         VDEV_OK);
        ck_assert_uint_eq(rig_sum(from, length), rig_sum(disk.bytes + sector * 512, length));
        memset(other, 0, sizeof other);
        ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, sector, other, length),
                         VDEV_OK);
        ck_assert_uint_eq(rig_sum(from, length), rig_sum(other, length));
    }
    ck_assert_int_eq(
        rig_move(&rig.card.block, VDEV_BLOCK_READ, RAM_DISK_SECTORS - 128, other, 65536), VDEV_OK);
    ck_assert_mem_eq(other, disk.bytes + (RAM_DISK_SECTORS - 128) * 512, 65536);
    ck_assert(!rig.line[0] && !rig.line[1]);
}
END_TEST

START_TEST(small_emulator_buffers_do_as_well)
{
    for (size_t buffer = 512; buffer <= 4096; buffer += 512) {
        rig_init(&rig, &disk.block, buffer);
        ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_WRITE, buffer / 512, data, 65536),
                         VDEV_OK);
        ck_assert_mem_eq(disk.bytes + buffer, data, 65536);
        ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 5, other, 65536), VDEV_OK);
        ck_assert_mem_eq(disk.bytes + 5 * 512, other, 65536);
    }
}
END_TEST

START_TEST(scattered_and_unaligned_buffers_hold_the_same_data)
{
    static const size_t lengths[] = {512, 3, 509, 1, 1023, 2048, 0, 30, 34, 448, 512};
    struct vdev_buffer buffers[11];
    size_t at = 1, total = 0;
    int status = 1;

    for (size_t i = 0; i < 11; i++) {
        buffers[i] = (struct vdev_buffer){other + at, lengths[i], VDEV_NO_BUS_ADDRESS};
        at += lengths[i] + 5;
        total += lengths[i];
    }
    ck_assert_uint_eq(total % 512, 0);
    struct vdev_block_request request = {
        .operation = VDEV_BLOCK_READ,
        .sector = 77,
        .buffers = buffers,
        .buffer_count = 11,
        .complete = rig_complete,
        .owner = &status,
    };
    memset(other, 0xee, sizeof other);
    ck_assert_int_eq(vdev_block_submit(&rig.card.block, &request), VDEV_OK);
    ck_assert_int_eq(rig_wait(&rig.card.block, &status), VDEV_OK);
    const uint8_t *expected = disk.bytes + 77 * 512;
    for (size_t i = 0; i < 11; i++) {
        const uint8_t *piece = buffers[i].pointer;
        ck_assert(lengths[i] == 0 || memcmp(piece, expected, lengths[i]) == 0);
        ck_assert_uint_eq(piece[lengths[i]], 0xee);
        expected += lengths[i];
    }
    /* And the other way, to another place. */
    request.operation = VDEV_BLOCK_WRITE;
    request.sector = 500;
    status = 1;
    ck_assert_int_eq(vdev_block_submit(&rig.card.block, &request), VDEV_OK);
    ck_assert_int_eq(rig_wait(&rig.card.block, &status), VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 77 * 512, disk.bytes + 500 * 512, total);
}
END_TEST

START_TEST(a_poll_moves_one_block_at_most)
{
    struct rig_request request;
    unsigned polls = 0;

    ck_assert_int_eq(rig_submit(&rig.card.block, &request, VDEV_BLOCK_READ, 0, other, 65536),
                     VDEV_OK);
    ck_assert_int_eq(request.status, 1);
    while (request.status > 0) {
        uint32_t before = rig.bus.reads;
        vdev_block_poll(&rig.card.block);
        ck_assert_uint_le(rig.bus.reads - before, 128 + 64);
        polls++;
    }
    ck_assert_uint_ge(polls, 128);
}
END_TEST

static unsigned order[4], finished;

static void note_order(struct vdev_block_request *request, int status)
{
    ck_assert_int_eq(status, VDEV_OK);
    order[finished++] = (unsigned)request->sector;
}

START_TEST(requests_complete_in_order_and_never_inside_submit)
{
    struct vdev_buffer buffer = {other, 1024, VDEV_NO_BUS_ADDRESS};
    struct vdev_block_request requests[4];

    finished = 0;
    for (unsigned i = 0; i < 4; i++) {
        requests[i] = (struct vdev_block_request){
            .operation = i == 2 ? VDEV_BLOCK_FLUSH : VDEV_BLOCK_READ,
            .sector = 10 + i,
            .buffers = &buffer,
            .buffer_count = i == 2 ? 0 : 1,
            .complete = note_order,
        };
        ck_assert_int_eq(vdev_block_submit(&rig.card.block, &requests[i]), VDEV_OK);
    }
    ck_assert_uint_eq(finished, 0);
    for (unsigned i = 0; i < 100; i++) {
        vdev_block_poll(&rig.card.block);
    }
    ck_assert_uint_eq(finished, 4);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(order[i], 10 + i);
    }
    ck_assert(!vdev_block_poll(&rig.card.block));
    ck_assert_uint_eq(vdev_sd_card_deadline(&rig.card), UINT64_MAX);
}
END_TEST

START_TEST(bad_requests_are_refused_at_once)
{
    struct vdev_block *block = &rig.card.block;

    ck_assert_int_eq(rig_move(block, VDEV_BLOCK_READ, RAM_DISK_SECTORS, other, 512),
                     VDEV_ERROR_RANGE);
    ck_assert_int_eq(rig_move(block, VDEV_BLOCK_READ, UINT64_MAX, other, 1024), VDEV_ERROR_RANGE);
    ck_assert_int_eq(rig_move(block, VDEV_BLOCK_READ, 0, other, 100), VDEV_ERROR_INVALID);
    disk.block.information.read_only = true;
    rig_init(&rig, &disk.block, 4096);
    ck_assert(rig.card.block.information.read_only);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_WRITE, 0, data, 512),
                     VDEV_ERROR_READ_ONLY);
}
END_TEST

START_TEST(a_failing_write_below_is_an_error_above)
{
    disk.bad_sector = 40;
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_WRITE, 40, data, 512), VDEV_ERROR_IO);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_WRITE, 0, data, 65536), VDEV_ERROR_IO);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_WRITE, 0, data, 20480), VDEV_OK);
    disk.bad_sector = UINT64_MAX;
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_WRITE, 0, data, 65536), VDEV_OK);
    ck_assert_mem_eq(disk.bytes, data, 65536);
}
END_TEST

START_TEST(a_failing_read_below_is_an_error_above)
{
    disk.bad_sector = 41;
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 41, other, 512), VDEV_ERROR_IO);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 0, other, 65536), VDEV_ERROR_IO);
    disk.bad_status = VDEV_ERROR_TIMEOUT;
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 41, other, 512),
                     VDEV_ERROR_TIMEOUT);
    disk.bad_sector = UINT64_MAX;
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 0, other, 65536), VDEV_OK);
    ck_assert_mem_eq(disk.bytes, other, 65536);
}
END_TEST

START_TEST(a_full_class_below_is_an_error_above)
{
    disk.depth = 1;
    struct rig_request blocker;
    disk.held = true;
    ck_assert_int_eq(rig_submit(&disk.block, &blocker, VDEV_BLOCK_READ, 0, data, 512), VDEV_OK);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 0, other, 512), VDEV_ERROR_IO);
    disk.held = false;
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 0, other, 512), VDEV_OK);
}
END_TEST

START_TEST(the_limits_of_the_class_below_are_kept)
{
    disk.block.information.maximum_sectors = 3;
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_WRITE, 9, data, 65536), VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 9 * 512, data, 65536);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 9, other, 65536), VDEV_OK);
    ck_assert_mem_eq(other, data, 65536);
}
END_TEST

START_TEST(a_class_that_never_answers_times_out_above_and_is_usable_again)
{
    struct rig_request request;

    rig.stuck = true;
    uint64_t start = rig.clock.now;
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 0, other, 4096),
                     VDEV_ERROR_TIMEOUT);
    ck_assert_uint_le(rig.clock.now - start, 3000000000u);
    start = rig.clock.now;
    ck_assert_int_eq(rig_submit(&rig.card.block, &request, VDEV_BLOCK_WRITE, 0, data, 4096),
                     VDEV_OK);
    ck_assert_int_eq(rig_wait(&rig.card.block, &request.status), VDEV_ERROR_TIMEOUT);
    ck_assert_uint_le(rig.clock.now - start, 3000000000u);
    rig.stuck = false;
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_WRITE, 0, data, 4096), VDEV_OK);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 0, other, 4096), VDEV_OK);
    ck_assert_mem_eq(other, data, 4096);
}
END_TEST

START_TEST(a_card_pulled_out_is_absent_and_usable_when_it_is_back)
{
    uint32_t medium = rig.card.medium;

    rig.pulled = true;
    uint64_t start = rig.clock.now;
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 0, other, 65536),
                     VDEV_ERROR_ABSENT);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_WRITE, 0, data, 512), VDEV_ERROR_ABSENT);
    ck_assert_uint_le(rig.clock.now - start, 3000000000u);
    rig.pulled = false;
    vdev_sd_card_emulator_power(&rig.emulator.card);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 9, other, 65536), VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 9 * 512, other, 65536);
    ck_assert_uint_eq(rig.card.medium, medium + 1);
}
END_TEST

START_TEST(a_card_pulled_out_in_mid_transfer_fails_all_that_wait)
{
    for (unsigned when = 0; when < 140; when += 7) {
        struct rig_request first, second;
        ck_assert_int_eq(rig_submit(&rig.card.block, &first, VDEV_BLOCK_WRITE, 0, data, 65536),
                         VDEV_OK);
        ck_assert_int_eq(rig_submit(&rig.card.block, &second, VDEV_BLOCK_READ, 0, other, 65536),
                         VDEV_OK);
        for (unsigned i = 0; i < when; i++) {
            vdev_block_poll(&rig.card.block);
        }
        rig.pulled = true;
        vdev_sd_card_emulator_power(&rig.emulator.card);
        rig_wait(&rig.card.block, &second.status);
        ck_assert_int_eq(second.status, VDEV_ERROR_ABSENT);
        ck_assert_int_lt(first.status, 1);
        ck_assert(first.status != VDEV_OK || when > 128);
        rig.pulled = false;
        vdev_sd_card_emulator_power(&rig.emulator.card);
        ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 1, other, 512), VDEV_OK);
        ck_assert_mem_eq(disk.bytes + 512, other, 512);
    }
}
END_TEST

START_TEST(a_smaller_card_put_in_instead_is_not_overrun)
{
    struct rig_request request;

    rig.pulled = true;
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 0, other, 512), VDEV_ERROR_ABSENT);
    rig.pulled = false;
    static struct vdev_pl181_emulator fresh;
    disk.block.information.sectors = 1024;
    struct vdev_pl181_emulator_configuration configuration = {
        .block = &disk.block, .buffer = rig.buffer, .buffer_length = 4096};
    ck_assert_int_eq(vdev_pl181_emulator_init(&fresh, &configuration), VDEV_OK);
    rig.emulator = fresh;
    rig.emulator.bank.values = rig.emulator.values;
    rig.emulator.bank.device = &rig.emulator;
    rig.emulator.card.request.owner = &rig.emulator.card;
    rig.emulator.card.owner = &rig.emulator;
    ck_assert_int_eq(rig_submit(&rig.card.block, &request, VDEV_BLOCK_READ, 1500, other, 512),
                     VDEV_OK);
    ck_assert_int_eq(rig_wait(&rig.card.block, &request.status), VDEV_ERROR_IO);
    ck_assert_uint_eq(rig.card.block.information.sectors, 1024);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 1023, other, 512), VDEV_OK);
}
END_TEST

START_TEST(an_empty_slot_is_absent)
{
    rig_emulator(&rig, NULL, 4096);
    ck_assert_int_eq(rig_driver(&rig, false), VDEV_OK);
    ck_assert_int_eq(vdev_sd_card_init(&rig.card, &rig.driver.host, &rig.clock.clock),
                     VDEV_ERROR_ABSENT);
    ck_assert_uint_le(rig.clock.now, 100000000u);
    ck_assert_int_eq(rig_move(&rig.card.block, VDEV_BLOCK_READ, 0, other, 512), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(two_chains_on_top_of_each_other_carry_data_and_errors)
{
    /* Driver over emulator over driver over emulator over memory: as when a VM's VM owns a card. */
    rig_init(&upper, &rig.card.block, 16384);
    ck_assert_uint_eq(upper.card.block.information.sectors, RAM_DISK_SECTORS);
    ck_assert_int_eq(rig_move(&upper.card.block, VDEV_BLOCK_WRITE, 100, data, 131072), VDEV_OK);
    ck_assert_uint_eq(rig_sum(disk.bytes + 51200, 131072), rig_sum(data, 131072));
    ck_assert_int_eq(rig_move(&upper.card.block, VDEV_BLOCK_READ, 100, other, 131072), VDEV_OK);
    ck_assert_uint_eq(rig_sum(other, 131072), rig_sum(data, 131072));
    disk.bad_sector = 120;
    ck_assert_int_eq(rig_move(&upper.card.block, VDEV_BLOCK_WRITE, 100, data, 65536),
                     VDEV_ERROR_IO);
    ck_assert_int_eq(rig_move(&upper.card.block, VDEV_BLOCK_READ, 120, other, 512), VDEV_ERROR_IO);
    disk.bad_sector = UINT64_MAX;
    ck_assert_int_eq(rig_move(&upper.card.block, VDEV_BLOCK_READ, 120, other, 512), VDEV_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pl181 driver");
    TCase *tests = tcase_create("over the emulator");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, identifies_a_card_of_standard_capacity);
    tcase_add_test(tests, identifies_a_card_of_high_capacity);
    tcase_add_test(tests, uses_four_lines_where_the_board_has_them);
    tcase_add_test(tests, the_clock_never_exceeds_what_it_may);
    tcase_add_test(tests, data_of_all_sizes_and_places_is_the_same_on_both_sides);
    tcase_add_test(tests, small_emulator_buffers_do_as_well);
    tcase_add_test(tests, scattered_and_unaligned_buffers_hold_the_same_data);
    tcase_add_test(tests, a_poll_moves_one_block_at_most);
    tcase_add_test(tests, requests_complete_in_order_and_never_inside_submit);
    tcase_add_test(tests, bad_requests_are_refused_at_once);
    tcase_add_test(tests, a_failing_write_below_is_an_error_above);
    tcase_add_test(tests, a_failing_read_below_is_an_error_above);
    tcase_add_test(tests, a_full_class_below_is_an_error_above);
    tcase_add_test(tests, the_limits_of_the_class_below_are_kept);
    tcase_add_test(tests, a_class_that_never_answers_times_out_above_and_is_usable_again);
    tcase_add_test(tests, a_card_pulled_out_is_absent_and_usable_when_it_is_back);
    tcase_add_test(tests, a_card_pulled_out_in_mid_transfer_fails_all_that_wait);
    tcase_add_test(tests, a_smaller_card_put_in_instead_is_not_overrun);
    tcase_add_test(tests, an_empty_slot_is_absent);
    tcase_add_test(tests, two_chains_on_top_of_each_other_carry_data_and_errors);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
