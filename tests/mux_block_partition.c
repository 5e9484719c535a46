/* SPDX-License-Identifier: BSD-2-Clause */
/* Block partitions: which ones are allowed, what reaches the device, and what it refuses. */
#include "support/partition_rig.h"

/* ---- which partitions there may be ---- */

START_TEST(only_what_is_apart_or_only_read_is_added)
{
    setup();
    disk.block.information.sectors = 6;
    for (unsigned code = 0; code < 8 * 8 * 2 * 8 * 8 * 2; code++) {
        unsigned at[2] = {code & 7, code >> 7 & 7}, length[2] = {code >> 3 & 7, code >> 10 & 7};
        bool read_only[2] = {(code >> 6 & 1) != 0, (code >> 13 & 1) != 0};
        unsigned taken = 0, written = 0;

        init(1);
        for (unsigned i = 0; i < 2; i++) {
            unsigned sectors = length[i] != 0 ? length[i] : 6 - at[i];
            unsigned set = at[i] < 6 ? ((1u << sectors) - 1) << at[i] : 1u << 6;
            int expected = set >= 1u << 6                             ? VDEV_ERROR_RANGE
                           : (set & (read_only[i] ? written : taken)) ? VDEV_ERROR_STATE
                                                                      : VDEV_OK;
            ck_assert_int_eq(add(i, at[i], length[i], read_only[i]), expected);
            if (expected == VDEV_OK) {
                ck_assert_uint_eq(partitions[i].block.information.sectors, sectors);
                taken |= set;
                written |= read_only[i] ? 0 : set;
            }
        }
    }
}
END_TEST

START_TEST(ranges_do_not_wrap)
{
    static const uint64_t sizes[] = {1, UINT32_MAX, 1ull << 32, INT64_MAX, UINT64_MAX};

    setup();
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t size = sizes[i];
        disk.block.information.sectors = size;
        init(1);
        ck_assert_int_eq(add(0, size, 1, false), VDEV_ERROR_RANGE);
        ck_assert_int_eq(add(0, UINT64_MAX, 1, false), VDEV_ERROR_RANGE);
        ck_assert_int_eq(add(0, 1, UINT64_MAX, false), VDEV_ERROR_RANGE);
        ck_assert_int_eq(add(0, size - 1, 2, false), VDEV_ERROR_RANGE);
        ck_assert_int_eq(add(0, size - 1, 0 - (size - 1), false),
                         size == 1 ? VDEV_OK : VDEV_ERROR_RANGE);
        init(1);
        ck_assert_int_eq(add(0, size - 1, 1, false), VDEV_OK);
        ck_assert_int_eq(add(1, 0, 0, false), VDEV_ERROR_STATE);
        if (size > 2) {
            ck_assert_int_eq(add(1, 0, size - 1, false), VDEV_OK);
        }
    }
    init(1);
    disk.block.information.sectors = 0;
    ck_assert_int_eq(add(0, 0, 0, false), VDEV_ERROR_RANGE);
}
END_TEST

START_TEST(the_same_partition_is_not_added_twice)
{
    setup();
    init(1);
    ck_assert_int_eq(add(0, 0, 8, true), VDEV_OK);
    ck_assert_int_eq(add(0, 0, 8, true), VDEV_ERROR_STATE);
    ck_assert_int_eq(add(0, 8, 8, true), VDEV_ERROR_STATE);
}
END_TEST

START_TEST(partitions_are_whole_blocks_of_the_device)
{
    setup();
    disk.block.information.block_size = 4096;
    init(1);
    ck_assert_int_eq(add(0, 4, 8, false), VDEV_ERROR_INVALID);
    ck_assert_int_eq(add(0, 8, 12, false), VDEV_ERROR_INVALID);
    ck_assert_int_eq(add(0, 8, 16, false), VDEV_OK);
    ck_assert_uint_eq(partitions[0].block.information.block_size, 4096);
}
END_TEST

START_TEST(what_is_missing_is_said)
{
    struct vdev_block_partitions_configuration with = {
        .block = &disk.block, .slots = slots, .slot_count = 1};

    setup();
    disk.block.information.block_size = 4096;
    with.maximum_sectors = 7;
    ck_assert_int_eq(vdev_block_partitions_init(&mux, &with), VDEV_ERROR_INVALID);
    with.maximum_sectors = 8;
    ck_assert_int_eq(vdev_block_partitions_init(&mux, &with), VDEV_OK);
    with.slot_count = 0;
    ck_assert_int_eq(vdev_block_partitions_init(&mux, &with), VDEV_ERROR_INVALID);
    with.slot_count = 1;
    with.slots = NULL;
    ck_assert_int_eq(vdev_block_partitions_init(&mux, &with), VDEV_ERROR_INVALID);
    with.slots = slots;
    with.block = NULL;
    ck_assert_int_eq(vdev_block_partitions_init(&mux, &with), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(a_partition_tells_the_devices_limits_and_its_own_name)
{
    static const struct {
        uint32_t device, configured, expected;
    } limits[] = {{0, 0, 0}, {0, 9, 9}, {7, 0, 7}, {7, 9, 7}, {9, 7, 7}};
    const struct vdev_block_information *information = &partitions[0].block.information;
    struct vdev_block_partition_configuration with = {.first = 3, .sectors = 5};

    for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        setup();
        disk.block.information.maximum_sectors = limits[i].device;
        disk.block.information.maximum_buffers = 11;
        ck_assert_int_eq(vdev_block_partitions_init(
                             &mux,
                             &(struct vdev_block_partitions_configuration){
                                 &disk.block, slots, 1, .maximum_sectors = limits[i].configured}),
                         VDEV_OK);
        ck_assert_int_eq(vdev_block_partition_add(&mux, &partitions[0], &with), VDEV_OK);
        ck_assert_uint_eq(information->maximum_sectors, limits[i].expected);
        ck_assert_uint_eq(information->maximum_buffers, 11);
        ck_assert_uint_eq(information->sectors, 5);
        ck_assert(!information->read_only);
        ck_assert_str_eq(information->identifier, "RAM-0001");
    }
    init(1);
    with.identifier = "root of the second guest"; /* 24 bytes */
    ck_assert_int_eq(vdev_block_partition_add(&mux, &partitions[0], &with), VDEV_OK);
    ck_assert_str_eq(information->identifier, "root of the second g");
    disk.block.information.read_only = true;
    init(1);
    ck_assert_int_eq(add(0, 0, 5, false), VDEV_OK);
    ck_assert_int_eq(add(1, 0, 5, false), VDEV_OK);
    ck_assert(information->read_only);
    disk.block.information.read_only = false; /* the two still share their sectors */
    vdev_block_partitions_changed(&mux);
    ck_assert(information->read_only);
}
END_TEST

/* ---- what reaches the device ---- */

START_TEST(a_request_is_moved_and_its_buffers_are_passed_on)
{
    struct asked *one = &asked[1][0];

    setup();
    init(2);
    ck_assert_int_eq(add(0, 0, 100, false), VDEV_OK);
    ck_assert_int_eq(add(1, 100, 50, false), VDEV_OK);
    make(one, 1, VDEV_BLOCK_WRITE, 7, 2);
    memset(one->data, 0xa5, sizeof one->data);
    const struct vdev_block_request before = one->request;
    ck_assert_int_eq(submit(one), VDEV_OK);
    ck_assert_uint_eq(disk.first->sector, 107);
    ck_assert_ptr_eq(disk.first->buffers, one->buffers);
    ck_assert_uint_eq(disk.first->buffer_count, 2);
    ck_assert_ptr_ne(disk.first, &one->request);
    ck_assert(vdev_block_poll(&partitions[0].block) == false); /* anyone's poll is the device's */
    ck_assert_uint_eq(one->completed, 1);
    ck_assert_int_eq(one->status, VDEV_OK);
    ck_assert_mem_eq(&one->request, &before, sizeof before);
    ck_assert_mem_eq(disk.bytes + 107 * VDEV_SECTOR_SIZE, one->data, 2 * VDEV_SECTOR_SIZE);
    ck_assert_uint_eq(disk.bytes[109 * VDEV_SECTOR_SIZE], (uint8_t)(109 * 512 * 7 + 109));
}
END_TEST

START_TEST(what_is_outside_or_not_allowed_does_not_reach_the_device)
{
    static const struct {
        uint64_t sector;
        size_t sectors;
        int expected;
    } cases[] = {
        {0, 1, VDEV_OK},
        {9, 1, VDEV_OK},
        {10, 1, VDEV_ERROR_RANGE},
        {9, 2, VDEV_ERROR_RANGE},
        {UINT64_MAX, 1, VDEV_ERROR_RANGE},
        {UINT64_MAX - 19, 1,
         VDEV_ERROR_RANGE}, /* with the partition's first sector it wraps to 0 */
        {UINT64_MAX - 19, 8, VDEV_ERROR_RANGE},
    };
    struct asked *one = &asked[0][0];

    setup();
    init(2);
    ck_assert_int_eq(add(0, 20, 10, true), VDEV_OK);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned before = disk.submits;
        make(one, 0, VDEV_BLOCK_READ, cases[i].sector, cases[i].sectors);
        ck_assert_int_eq(submit(one), cases[i].expected);
        ck_assert_uint_eq(disk.submits, before + (cases[i].expected == VDEV_OK));
        settle();
    }
    disk.submits = 0;
    ck_assert_int_eq(submit(make(one, 0, VDEV_BLOCK_WRITE, 0, 1)), VDEV_ERROR_READ_ONLY);
    make(one, 0, VDEV_BLOCK_READ, 0, 1)->request.buffer_count = 1;
    ck_assert_int_eq(submit(one), VDEV_ERROR_INVALID);
    make(one, 0, VDEV_BLOCK_READ, 0, 1)->request.operation = (enum vdev_block_operation)77;
    ck_assert_int_eq(submit(one), VDEV_ERROR_UNSUPPORTED);
    ck_assert_uint_eq(disk.submits, 0);
    ck_assert(all_slots_are_free(2));
}
END_TEST

START_TEST(a_longer_request_than_configured_is_for_the_client_to_cut)
{
    setup();
    ck_assert_int_eq(vdev_block_partitions_init(
                         &mux, &(struct vdev_block_partitions_configuration){&disk.block, slots, 2,
                                                                             .maximum_sectors = 4}),
                     VDEV_OK);
    ck_assert_int_eq(add(0, 0, 10, false), VDEV_OK);
    ck_assert_int_eq(submit(make(&asked[0][0], 0, VDEV_BLOCK_READ, 0, 5)), VDEV_ERROR_FULL);
    ck_assert_int_eq(submit(make(&asked[0][0], 0, VDEV_BLOCK_READ, 0, 4)), VDEV_OK);
}
END_TEST

START_TEST(a_failure_of_the_device_is_the_clients_whose_request_it_was)
{
    setup();
    disk.bad_sector = 25;
    disk.bad_status = VDEV_ERROR_TIMEOUT;
    init(4);
    ck_assert_int_eq(add(0, 0, 20, false), VDEV_OK);
    ck_assert_int_eq(add(1, 20, 20, false), VDEV_OK);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(submit(make(&asked[i][0], i, VDEV_BLOCK_READ, 5, 1)), VDEV_OK);
        ck_assert_int_eq(submit(make(&asked[i][1], i, VDEV_BLOCK_FLUSH, 0, 1)), VDEV_OK);
    }
    settle();
    ck_assert_int_eq(asked[0][0].status, VDEV_OK);
    ck_assert_int_eq(asked[1][0].status, VDEV_ERROR_TIMEOUT);
    ck_assert_int_eq(asked[1][1].status, VDEV_OK);
    ck_assert_uint_eq(disk.flushes, 2);
}
END_TEST

/* ---- what the device refuses ---- */

START_TEST(a_refusal_is_the_clients_at_once_if_nothing_waits)
{
    static const int statuses[] = {VDEV_ERROR_ABSENT, VDEV_ERROR_FULL, VDEV_ERROR_RANGE,
                                   VDEV_ERROR_IO};

    setup();
    init(2);
    ck_assert_int_eq(add(0, 0, 100, false), VDEV_OK);
    for (unsigned i = 0; i < 4; i++) {
        refusal = statuses[i];
        ck_assert_int_eq(submit(make(&asked[0][0], 0, VDEV_BLOCK_READ, 0, 1)), refusal);
        ck_assert(all_slots_are_free(2));
    }
    refusal = VDEV_OK;
    disk.flush_unsupported = true;
    ck_assert_int_eq(submit(make(&asked[0][0], 0, VDEV_BLOCK_FLUSH, 0, 1)), VDEV_ERROR_UNSUPPORTED);
}
END_TEST

START_TEST(what_waits_when_the_device_goes_away_fails_once)
{
    static const struct {
        int refusal, expected;
    } cases[] = {{VDEV_ERROR_ABSENT, VDEV_ERROR_ABSENT},
                 {VDEV_ERROR_TIMEOUT, VDEV_ERROR_TIMEOUT},
                 {VDEV_ERROR_RANGE, VDEV_ERROR_IO},
                 {VDEV_ERROR_READ_ONLY, VDEV_ERROR_IO},
                 {VDEV_ERROR_FULL, VDEV_ERROR_IO}};

    setup();
    init(1);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        ck_assert_int_eq(add(i, i * 100, 100, false), VDEV_OK);
    }
    refusal = VDEV_OK;
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        for (uint32_t n = 0; n < REQUESTS; n++) {
            /* Half of them try again from inside, for ever. */
            make(&asked[i][n], i, VDEV_BLOCK_READ, n, 1)->again = n % 2 != 0 ? &asked[i][n] : NULL;
            ck_assert_int_eq(submit(&asked[i][n]), VDEV_OK);
        }
    }
    refusal = cases[_i].refusal;
    settle();
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        for (uint32_t n = 0; n < REQUESTS; n++) {
            ck_assert_uint_eq(asked[i][n].completed, 1);
            ck_assert(!asked[i][n].busy);
            /* Of those that try again it is what their submit said. */
            int expected = n % 2 != 0 ? cases[_i].refusal : cases[_i].expected;
            ck_assert_int_eq(asked[i][n].status, i == 0 && n == 0 ? VDEV_OK : expected);
        }
    }
    ck_assert(all_slots_are_free(1));
    refusal = VDEV_OK;
    ck_assert_int_eq(submit(make(&asked[2][0], 2, VDEV_BLOCK_READ, 0, 1)), VDEV_OK);
    settle();
    ck_assert_int_eq(asked[2][0].status, VDEV_OK);
}
END_TEST

START_TEST(a_device_that_cannot_decide_costs_bounded_work)
{
    setup();
    disk.per_poll = 1;
    init(2);
    ck_assert_int_eq(add(0, 0, 100, false), VDEV_OK);
    for (uint32_t n = 0; n < REQUESTS; n++) {
        make(&asked[0][n], 0, VDEV_BLOCK_READ, n, 1)->again = n >= 2 ? &asked[0][n] : NULL;
        ck_assert_int_eq(submit(&asked[0][n]), VDEV_OK);
    }
    wavers = true;
    vdev_block_poll(&disk.block); /* one ends; those that waited are refused, and wait again */
    ck_assert_uint_eq(wavered, 2 * (REQUESTS - 2));
    ck_assert_uint_eq(mux.waiting, REQUESTS - 2);
    wavers = false;
    refusal = VDEV_ERROR_ABSENT;
    settle();
    ck_assert(all_slots_are_free(2));
}
END_TEST

START_TEST(a_flush_that_waited_for_a_device_without_one_is_done)
{
    setup();
    disk.flush_unsupported = true;
    init(1);
    ck_assert_int_eq(add(0, 0, 100, false), VDEV_OK);
    ck_assert_int_eq(submit(make(&asked[0][0], 0, VDEV_BLOCK_WRITE, 0, 1)), VDEV_OK);
    ck_assert_int_eq(submit(make(&asked[0][1], 0, VDEV_BLOCK_FLUSH, 0, 1)), VDEV_OK);
    ck_assert_int_eq(submit(make(&asked[0][2], 0, VDEV_BLOCK_READ, 0, 1)), VDEV_OK);
    settle();
    ck_assert_int_eq(asked[0][1].status, VDEV_OK);
    ck_assert_int_eq(asked[0][2].status, VDEV_OK);
}
END_TEST

START_TEST(a_changed_medium_changes_the_partitions)
{
    static const struct {
        uint64_t medium, expected[3];
    } cases[] = {{2048, {100, 100, 1848}}, {250, {100, 100, 50}}, {200, {100, 100, 0}},
                 {130, {100, 30, 0}},      {0, {100, 30, 0}},     {5000, {100, 100, 1848}}};

    setup();
    init(1);
    ck_assert_int_eq(add(0, 0, 100, false), VDEV_OK);
    ck_assert_int_eq(add(1, 100, 100, false), VDEV_OK);
    ck_assert_int_eq(add(2, 200, 0, false), VDEV_OK);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        disk.block.information.sectors = cases[i].medium;
        vdev_block_partitions_changed(&mux);
        for (unsigned n = 0; n < 3; n++) {
            ck_assert_uint_eq(partitions[n].block.information.sectors, cases[i].expected[n]);
        }
    }
}
END_TEST

START_TEST(ranges_are_passed_on_where_the_device_takes_them)
{
    struct asked range;
    setup();
    init(SLOTS);
    ck_assert_int_eq(add(0, 100, 50, false), VDEV_OK);
    make(&range, 0, VDEV_BLOCK_DISCARD, 3, 0);
    range.request.buffer_count = 0;
    range.request.sectors = 4;
    ck_assert_int_eq(submit(&range), VDEV_ERROR_UNSUPPORTED);
    disk.block.information.maximum_discard_sectors = 8;
    disk.block.information.maximum_zeroes_sectors = 5;
    disk.block.information.optimal_size = 4096;
    vdev_block_partitions_changed(&mux);
    ck_assert_uint_eq(partitions[0].block.information.maximum_zeroes_sectors, 5);
    ck_assert_uint_eq(partitions[0].block.information.optimal_size, 4096);
    ck_assert_int_eq(submit(&range), VDEV_OK);
    vdev_block_poll(&disk.block);
    ck_assert_int_eq(range.status, VDEV_OK);
    ck_assert_uint_ne(disk.bytes[103 * 512 - 1], 0xdd);
    ck_assert_uint_eq(disk.bytes[103 * 512], 0xdd);
    ck_assert_uint_eq(disk.bytes[107 * 512 - 1], 0xdd);
    ck_assert_uint_ne(disk.bytes[107 * 512 + 1], 0xdd);
    /* The neighbour's sectors are out of reach, and so is more than the device takes. */
    range.request.sector = 47;
    ck_assert_int_eq(submit(&range), VDEV_ERROR_RANGE);
    range.request.sector = 0;
    range.request.sectors = 9;
    ck_assert_int_eq(submit(&range), VDEV_ERROR_FULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mux_block_partition");
    TCase *tests = tcase_create("mux_block_partition");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, only_what_is_apart_or_only_read_is_added);
    tcase_add_test(tests, ranges_do_not_wrap);
    tcase_add_test(tests, the_same_partition_is_not_added_twice);
    tcase_add_test(tests, partitions_are_whole_blocks_of_the_device);
    tcase_add_test(tests, what_is_missing_is_said);
    tcase_add_test(tests, a_partition_tells_the_devices_limits_and_its_own_name);
    tcase_add_test(tests, a_request_is_moved_and_its_buffers_are_passed_on);
    tcase_add_test(tests, what_is_outside_or_not_allowed_does_not_reach_the_device);
    tcase_add_test(tests, a_longer_request_than_configured_is_for_the_client_to_cut);
    tcase_add_test(tests, a_failure_of_the_device_is_the_clients_whose_request_it_was);
    tcase_add_test(tests, a_refusal_is_the_clients_at_once_if_nothing_waits);
    tcase_add_loop_test(tests, what_waits_when_the_device_goes_away_fails_once, 0, 5);
    tcase_add_test(tests, a_device_that_cannot_decide_costs_bounded_work);
    tcase_add_test(tests, a_flush_that_waited_for_a_device_without_one_is_done);
    tcase_add_test(tests, a_changed_medium_changes_the_partitions);
    tcase_add_test(tests, ranges_are_passed_on_where_the_device_takes_them);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
