/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Discard and write zeroes of the block back-end: what is offered, what reaches the class below,
 * and segments that no rules are kept in.
 */
#include "support/block_driver.h"

#define DISCARD_MOST 100u
#define ZEROES_MOST  60u
#define RANGES       (1ull << VIRTIO_BLK_F_DISCARD | 1ull << VIRTIO_BLK_F_WRITE_ZEROES)
#define UNMAP        1u

static void setup_ranges(void)
{
    setup();
    disk.block.information.maximum_discard_sectors = DISCARD_MOST;
    disk.block.information.maximum_zeroes_sectors = ZEROES_MOST;
    disk.block.information.optimal_size = 65536;
    connect();
    start(FLUSH | RANGES);
}

struct segment {
    uint64_t sector;
    uint32_t sectors, flags;
};

static struct request make_ranges(uint32_t type, const struct segment *segments, unsigned count)
{
    struct request request = make(type, 0, count * sizeof *segments);

    memcpy(request.data.pointer, segments, count * sizeof *segments);
    return request;
}

static struct request add_ranges(uint32_t type, const struct segment *segments, unsigned count)
{
    struct request request = make_ranges(type, segments, count);

    add(&request, false);
    return request;
}

static struct request add_one(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
    return add_ranges(type, &(struct segment){sector, sectors, flags}, 1);
}

static void check_bytes(uint64_t sector, uint64_t sectors, uint8_t value)
{
    for (size_t i = 0; i < sectors * 512; i++) {
        if (disk.bytes[sector * 512 + i] != value) {
            ck_abort_msg("byte %zu after sector %u", i, (unsigned)sector);
        }
    }
}

static void refuse(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags, uint8_t status)
{
    unsigned before = disk.submits;
    struct request request = add_one(type, sector, sectors, flags);

    go();
    ck_assert_answer(&request, status, 1);
    ck_assert_uint_eq(disk.submits, before);
}

START_TEST(offers_what_the_class_below_can)
{
    const uint32_t bits = (uint32_t)RANGES | 1u << VIRTIO_BLK_F_TOPOLOGY;
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_DEVICE_FEATURES) & bits, bits);
    ck_assert_uint_eq(machine_read32(&machine, 0x100 + 28), 128); /* opt_io_size, in blocks */
    ck_assert_uint_eq(machine_read32(&machine, 0x100 + 36), DISCARD_MOST);
    ck_assert_uint_eq(machine_read32(&machine, 0x100 + 40), VDEV_BLOCK_BACKEND_SEGMENTS);
    ck_assert_uint_eq(machine_read32(&machine, 0x100 + 44), 1); /* discard_sector_alignment */
    ck_assert_uint_eq(machine_read32(&machine, 0x100 + 48), ZEROES_MOST);
    ck_assert_uint_eq(machine_read32(&machine, 0x100 + 52), VDEV_BLOCK_BACKEND_SEGMENTS);
    ck_assert_uint_eq(machine_read32(&machine, 0x100 + 56) & 0xff, 1);
    disk.block.information.maximum_discard_sectors = 0;
    disk.block.information.optimal_size = 0;
    connect();
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_DEVICE_FEATURES) & bits,
                      1u << VIRTIO_BLK_F_WRITE_ZEROES);
    disk.block.information.read_only = true;
    connect();
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_DEVICE_FEATURES) & bits, 0);
}
END_TEST

START_TEST(discards_and_writes_zeroes)
{
    struct request discard = add_one(VIRTIO_BLK_T_DISCARD, 10, DISCARD_MOST, 0);
    go();
    ck_assert_answer(&discard, VIRTIO_BLK_S_OK, 1);
    ck_assert_uint_eq(disk.discards, 1);
    check_bytes(10, DISCARD_MOST, 0xdd);
    ck_assert_uint_ne(disk.bytes[(10 + DISCARD_MOST) * 512], 0xdd);
    struct request kept = add_one(VIRTIO_BLK_T_WRITE_ZEROES, 200, ZEROES_MOST, 0);
    struct request unmapped = add_one(VIRTIO_BLK_T_WRITE_ZEROES, 2047, 1, UNMAP);
    go();
    ck_assert_answer(&kept, VIRTIO_BLK_S_OK, 1);
    ck_assert_answer(&unmapped, VIRTIO_BLK_S_OK, 1);
    ck_assert_uint_eq(disk.zeroes, 2);
    ck_assert_uint_eq(disk.kept, 1);
    check_bytes(200, ZEROES_MOST, 0);
    check_bytes(2047, 1, 0);
    ck_assert_uint_eq(disk.flushes, 0);
    check_alive();
}
END_TEST

START_TEST(several_segments_are_done_one_after_another)
{
    struct segment segments[VDEV_BLOCK_BACKEND_SEGMENTS];
    for (unsigned i = 0; i < VDEV_BLOCK_BACKEND_SEGMENTS; i++) {
        /* Each its own flags; every fourth of no sectors, the last among them. */
        segments[i] = (struct segment){100 + i * 20, i % 4 == 3 ? 0 : i + 1, i & UNMAP};
    }
    struct request request =
        add_ranges(VIRTIO_BLK_T_WRITE_ZEROES, segments, VDEV_BLOCK_BACKEND_SEGMENTS);
    raw_notify(&queue);
    ck_assert_uint_eq(disk.queued, 1);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_OK, 1);
    ck_assert_uint_eq(disk.zeroes, 24);
    ck_assert_uint_eq(disk.kept, 16);
    check_bytes(100 + 30 * 20, 31, 0);
    ck_assert_uint_eq(disk.bytes[731 * 512 + 1], (uint8_t)((731 * 512 + 1) * 7 + 731));
    /* Segments that are split over descriptors anyhow. */
    request =
        make_ranges(VIRTIO_BLK_T_DISCARD, (struct segment[]){{5, 1, 0}, {7, 2, 0}, {11, 3, 0}}, 3);
    uint64_t at = request.data.bus_address;
    struct raw_piece pieces[] = {raw_read_from(request.header), {at, 3, false},
                                 {at + 3, 14, false},           {at + 17, 30, false},
                                 {at + 47, 1, false},           raw_write_to(request.status)};
    request.head = raw_add(&queue, pieces, 6);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_OK, 1);
    check_bytes(5, 1, 0xdd);
    check_bytes(7, 2, 0xdd);
    check_bytes(11, 3, 0xdd);
    ck_assert_uint_eq(disk.discards, 3);
    check_alive();
}
END_TEST

START_TEST(nothing_but_empty_segments_is_done_at_once)
{
    struct request request =
        add_ranges(VIRTIO_BLK_T_DISCARD, (struct segment[]){{5, 0, 0}, {2048, 0, 0}}, 2);
    struct request second = add_one(VIRTIO_BLK_T_DISCARD, 5, 1, 0);
    unsigned before = disk.submits;
    raw_notify(&queue);
    ck_assert_answer(&request, VIRTIO_BLK_S_OK, 1);
    ck_assert_uint_eq(disk.submits, before + 1);
    go();
    ck_assert_answer(&second, VIRTIO_BLK_S_OK, 1);
    ck_assert_uint_eq(backend.requests, 2);
    check_alive();
}
END_TEST

START_TEST(segments_that_cannot_be)
{
    for (uint32_t type = VIRTIO_BLK_T_DISCARD; type <= VIRTIO_BLK_T_WRITE_ZEROES; type += 2) {
        uint32_t most = type == VIRTIO_BLK_T_DISCARD ? DISCARD_MOST : ZEROES_MOST;
        refuse(type, 0, most + 1, 0, VIRTIO_BLK_S_IOERR);
        refuse(type, RAM_DISK_SECTORS - 1, 2, 0, VIRTIO_BLK_S_IOERR);
        refuse(type, RAM_DISK_SECTORS, 1, 0, VIRTIO_BLK_S_IOERR);
        refuse(type, UINT64_MAX, 1, 0, VIRTIO_BLK_S_IOERR);
        refuse(type, UINT64_MAX - 1, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR);
        refuse(type, 0, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR);
        refuse(type, 1ull << 55, 1, 0, VIRTIO_BLK_S_IOERR);
        refuse(type, 0, 1, 2, VIRTIO_BLK_S_UNSUPP);
        refuse(type, 0, 1, 0x80000001, VIRTIO_BLK_S_UNSUPP);
    }
    /* Unmap is no flag of a discard [VIRTIO 1.4 §5.2.6.2]. */
    refuse(VIRTIO_BLK_T_DISCARD, 0, 1, UNMAP, VIRTIO_BLK_S_UNSUPP);
    check_alive();
}
END_TEST

START_TEST(data_of_a_wrong_length_or_direction)
{
    unsigned before = disk.submits;
    const size_t lengths[] = {
        0, 1, 15, 17, 16 * VDEV_BLOCK_BACKEND_SEGMENTS + 1, 16 * (VDEV_BLOCK_BACKEND_SEGMENTS + 1)};
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct request request = make(VIRTIO_BLK_T_DISCARD, 0, lengths[i]);
        add(&request, false);
        go();
        ck_assert_answer(&request, VIRTIO_BLK_S_IOERR, 1);
    }
    struct request request = make_ranges(VIRTIO_BLK_T_DISCARD, &(struct segment){0, 1, 0}, 1);
    add(&request, true);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_IOERR, 1);
    ck_assert_uint_eq(disk.submits, before);
    check_alive();
}
END_TEST

START_TEST(a_bad_segment_ends_the_request)
{
    struct request request = add_ranges(VIRTIO_BLK_T_WRITE_ZEROES,
                                        (struct segment[]){{1, 1, 0}, {2048, 1, 0}, {7, 1, 0}}, 3);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_IOERR, 1);
    ck_assert_uint_eq(disk.zeroes, 1);
    check_bytes(1, 1, 0);
    request = add_ranges(VIRTIO_BLK_T_WRITE_ZEROES, (struct segment[]){{1, 1, 0}, {3, 1, 4}}, 2);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_UNSUPP, 1);
    /* And so does a failure below. */
    disk.bad_sector = 30;
    request = add_ranges(VIRTIO_BLK_T_DISCARD, (struct segment[]){{20, 20, 0}, {50, 1, 0}}, 2);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_IOERR, 1);
    ck_assert_uint_eq(disk.discards, 1);
    check_alive();
}
END_TEST

static struct segment *changing;

static void change_segment(void *context)
{
    (void)context;
    changing[0] = (struct segment){0, 2000, 0xffffffff};
    changing[1] = (struct segment){UINT64_MAX, 1, 0};
}

START_TEST(a_segment_that_changes_after_it_was_read_changes_nothing)
{
    struct request request =
        make_ranges(VIRTIO_BLK_T_DISCARD, (struct segment[]){{40, 2, 0}, {60, 2, 0}}, 2);
    changing = request.data.pointer;
    disk.on_submit = change_segment;
    add(&request, false);
    go();
    disk.on_submit = NULL;
    /* The first as it was, the second as it is when its turn comes: checked then. */
    ck_assert_answer(&request, VIRTIO_BLK_S_IOERR, 1);
    ck_assert_uint_eq(disk.discards, 1);
    check_bytes(40, 2, 0xdd);
    ck_assert_uint_ne(disk.bytes[42 * 512], 0xdd);
    check_alive();
}
END_TEST

START_TEST(what_was_not_negotiated_is_unsupported)
{
    start(FLUSH);
    refuse(VIRTIO_BLK_T_DISCARD, 0, 1, 0, VIRTIO_BLK_S_UNSUPP);
    refuse(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0, VIRTIO_BLK_S_UNSUPP);
    check_alive();
}
END_TEST

START_TEST(a_driver_that_cannot_flush_has_its_zeroes_flushed)
{
    start(RANGES);
    struct request request =
        add_ranges(VIRTIO_BLK_T_WRITE_ZEROES, (struct segment[]){{1, 1, 0}, {5, 1, 0}}, 2);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_OK, 1);
    ck_assert_uint_eq(disk.flushes, 1);
}
END_TEST

START_TEST(a_full_class_is_waited_for)
{
    struct request requests[3];
    disk.depth = 1;
    disk.per_poll = 1;
    for (unsigned i = 0; i < 3; i++) {
        requests[i] = add_ranges(VIRTIO_BLK_T_DISCARD,
                                 (struct segment[]){{i * 10, 2, 0}, {i * 10 + 5, 3, 0}}, 2);
    }
    go();
    for (unsigned i = 0; i < 3; i++) {
        uint32_t length;
        ck_assert_int_ge(raw_take(&queue, &length), 0);
        ck_assert_uint_eq(length, 1);
    }
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(status_of(&requests[i]), VIRTIO_BLK_S_OK);
        check_bytes(i * 10, 2, 0xdd);
        check_bytes(i * 10 + 5, 3, 0xdd);
    }
    ck_assert_uint_eq(disk.discards, 6);
    check_alive();
}
END_TEST

START_TEST(a_reset_between_two_segments)
{
    disk.held = true;
    struct request request =
        add_ranges(VIRTIO_BLK_T_DISCARD, (struct segment[]){{1, 1, 0}, {5, 1, 0}}, 2);
    raw_notify(&queue);
    ck_assert_uint_eq(disk.queued, 1);
    start(FLUSH | RANGES);
    disk.held = false;
    vdev_block_poll(&disk.block);
    ck_assert_uint_eq(disk.discards, 1);
    ck_assert_uint_eq(disk.queued, 0);
    ck_assert_uint_eq(status_of(&request), 0xee);
    check_alive();
}
END_TEST

/* ---- the class's own check ---- */

START_TEST(the_class_checks_ranges)
{
    struct vdev_buffer buffer = {disk.bytes, 512, VDEV_NO_BUS_ADDRESS};
    struct vdev_block_request request = {.operation = VDEV_BLOCK_DISCARD, .sectors = 1};
    ck_assert_int_eq(vdev_block_check(&disk.block, &request), VDEV_OK);
    request.sectors = 0;
    ck_assert_int_eq(vdev_block_check(&disk.block, &request), VDEV_ERROR_INVALID);
    request.sectors = DISCARD_MOST + 1;
    ck_assert_int_eq(vdev_block_check(&disk.block, &request), VDEV_ERROR_FULL);
    request.operation = VDEV_BLOCK_WRITE_ZEROES_KEEP;
    request.sectors = ZEROES_MOST + 1;
    ck_assert_int_eq(vdev_block_check(&disk.block, &request), VDEV_ERROR_FULL);
    request.sectors = UINT64_MAX;
    request.sector = 2;
    ck_assert_int_eq(vdev_block_check(&disk.block, &request), VDEV_ERROR_RANGE);
    request.sectors = 1;
    request.buffers = &buffer;
    request.buffer_count = 1;
    ck_assert_int_eq(vdev_block_check(&disk.block, &request), VDEV_ERROR_INVALID);
    request.buffer_count = 0;
    disk.block.information.read_only = true;
    ck_assert_int_eq(vdev_block_check(&disk.block, &request), VDEV_ERROR_READ_ONLY);
    disk.block.information.maximum_zeroes_sectors = 0;
    ck_assert_int_eq(vdev_block_check(&disk.block, &request), VDEV_ERROR_UNSUPPORTED);
    request.operation = (enum vdev_block_operation)(VDEV_BLOCK_WRITE_ZEROES_KEEP + 1);
    ck_assert_int_eq(vdev_block_check(&disk.block, &request), VDEV_ERROR_UNSUPPORTED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backend_block_segments");
    TCase *tests;

    tests = tcase_create("discard and write zeroes");
    tcase_add_checked_fixture(tests, setup_ranges, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, offers_what_the_class_below_can);
    tcase_add_test(tests, discards_and_writes_zeroes);
    tcase_add_test(tests, several_segments_are_done_one_after_another);
    tcase_add_test(tests, nothing_but_empty_segments_is_done_at_once);
    tcase_add_test(tests, segments_that_cannot_be);
    tcase_add_test(tests, data_of_a_wrong_length_or_direction);
    tcase_add_test(tests, a_bad_segment_ends_the_request);
    tcase_add_test(tests, a_segment_that_changes_after_it_was_read_changes_nothing);
    tcase_add_test(tests, what_was_not_negotiated_is_unsupported);
    tcase_add_test(tests, a_driver_that_cannot_flush_has_its_zeroes_flushed);
    tcase_add_test(tests, a_full_class_is_waited_for);
    tcase_add_test(tests, a_reset_between_two_segments);
    tcase_add_test(tests, the_class_checks_ranges);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
