/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block back-end against a driver that keeps no rules: bad requests, malformed chains, corrupt
 * rings, and all of them at random.
 */
#include "support/block_driver.h"

/* ---- bad requests ---- */

START_TEST(unsupported_types)
{
    const uint32_t types[] = {2, 3, 10, 11, 13, 14, 16, 0x80000000, 0x10000, UINT32_MAX};
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct request request = add_new(types[i], 0, 512);
        go();
        ck_assert_answer(&request, VIRTIO_BLK_S_UNSUPP, 1);
    }
    ck_assert_uint_eq(disk.submits, 0);
    check_alive();
}
END_TEST

START_TEST(sectors_out_of_range)
{
    const struct {
        uint64_t sector;
        size_t length;
    } wrong[] = {
        {RAM_DISK_SECTORS, 512},     {RAM_DISK_SECTORS - 1, 1024}, {UINT64_MAX, 512},
        {UINT64_MAX - 1, 1024},      {UINT64_MAX / 512, 512},      {1ull << 55, 512},
        {UINT64_MAX / 512 + 1, 512},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct request read = add_new(VIRTIO_BLK_T_IN, wrong[i].sector, wrong[i].length);
        struct request write = add_new(VIRTIO_BLK_T_OUT, wrong[i].sector, wrong[i].length);
        go();
        ck_assert_answer(&read, VIRTIO_BLK_S_IOERR, 1);
        ck_assert_answer(&write, VIRTIO_BLK_S_IOERR, 1);
    }
    ck_assert_uint_eq(disk.submits, 0);
    /* Not even the part that would be in range, when it would go down in pieces. */
    disk.block.information.maximum_sectors = 1;
    struct request write = add_new(VIRTIO_BLK_T_OUT, RAM_DISK_SECTORS - 1, 1024);
    go();
    ck_assert_answer(&write, VIRTIO_BLK_S_IOERR, 1);
    ck_assert_uint_eq(disk.submits, 0);
    check_alive();
}
END_TEST

START_TEST(lengths_that_are_no_sectors)
{
    const size_t lengths[] = {0, 1, 511, 513, 1000};
    for (unsigned i = 0; i < 5; i++) {
        struct request read = add_new(VIRTIO_BLK_T_IN, 0, lengths[i]);
        struct request write = add_new(VIRTIO_BLK_T_OUT, 0, lengths[i]);
        go();
        ck_assert_answer(&read, VIRTIO_BLK_S_IOERR, 1);
        ck_assert_answer(&write, VIRTIO_BLK_S_IOERR, 1);
    }
    ck_assert_uint_eq(disk.submits, 0); /* nor the whole sectors of them */
    check_alive();
}
END_TEST

START_TEST(data_of_the_wrong_direction)
{
    struct request read = make(VIRTIO_BLK_T_IN, 0, 512);
    add(&read, false);
    struct request write = make(VIRTIO_BLK_T_OUT, 0, 512);
    add(&write, true);
    go();
    ck_assert_answer(&read, VIRTIO_BLK_S_IOERR, 1);
    ck_assert_answer(&write, VIRTIO_BLK_S_IOERR, 1);
    ck_assert_uint_eq(disk.submits, 0);
    check_alive();
}
END_TEST

START_TEST(a_write_to_a_read_only_medium)
{
    disk.block.information.read_only = true;
    connect();
    start(FLUSH);
    struct request write = add_new(VIRTIO_BLK_T_OUT, 0, 512);
    go();
    ck_assert_answer(&write, VIRTIO_BLK_S_IOERR, 1);
    ck_assert_uint_eq(disk.writes, 0);
    check_alive();
}
END_TEST

START_TEST(short_headers)
{
    for (uint32_t length = 0; length < 16; length++) {
        struct request request = make(VIRTIO_BLK_T_IN, 0, 512);
        request.header.length = length;
        struct raw_piece pieces[3] = {raw_read_from(request.header), raw_write_to(request.data),
                                      raw_write_to(request.status)};
        request.head = raw_add(&queue, length == 0 ? pieces + 1 : pieces, length == 0 ? 2 : 3);
        go();
        ck_assert_answer(&request, VIRTIO_BLK_S_IOERR, 1);
    }
    check_alive();
}
END_TEST

START_TEST(no_byte_to_answer_in)
{
    struct request request = make(VIRTIO_BLK_T_OUT, 0, 512);
    uint16_t head = raw_add(
        &queue, (struct raw_piece[]){raw_read_from(request.header), raw_read_from(request.data)},
        2);
    go();
    ck_assert_used(&queue, head, 0);
    ck_assert_uint_eq(backend.malformed, 1);
    ck_assert_uint_eq(disk.submits, 0);
    /* A status byte that may only be read is none. */
    request = make(VIRTIO_BLK_T_OUT, 0, 512);
    head = raw_add(&queue,
                   (struct raw_piece[]){raw_read_from(request.header), raw_read_from(request.data),
                                        raw_read_from(request.status)},
                   3);
    go();
    ck_assert_used(&queue, head, 0);
    ck_assert_uint_eq(status_of(&request), 0xee);
    check_alive();
}
END_TEST

/* ---- bad chains: malformed ones come back with length 0, and the queue goes on ---- */

START_TEST(addresses_that_are_not_memory)
{
    const struct raw_piece wrong[] = {
        {0, 512, true},
        {UINT64_MAX - 100, 512, true},
        {MACHINE_MEMORY + MACHINE_BYTES - 256, 512, true},
        {MACHINE_MEMORY - 1, 512, true},
        {MACHINE_READ_ONLY, 512, true},
        {MACHINE_DEVICE, 512, true}, /* its own registers */
        {MACHINE_MEMORY, UINT32_MAX, true},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct request request = make(VIRTIO_BLK_T_IN, 0, 512);
        uint16_t head = raw_add(&queue,
                                (struct raw_piece[]){raw_read_from(request.header), wrong[i],
                                                     raw_write_to(request.status)},
                                3);
        go();
        ck_assert_used(&queue, head, 0);
        ck_assert_uint_eq(status_of(&request), 0xee);
    }
    ck_assert_uint_eq(disk.submits, 0);
    check_alive();
}
END_TEST

START_TEST(writable_before_readable)
{
    struct request request = make(VIRTIO_BLK_T_OUT, 0, 512);
    uint16_t head =
        raw_add(&queue,
                (struct raw_piece[]){raw_write_to(request.status), raw_read_from(request.header),
                                     raw_read_from(request.data)},
                3);
    go();
    ck_assert_used(&queue, head, 0);
    check_alive();
}
END_TEST

START_TEST(more_pieces_than_a_slot_holds)
{
    struct request request = make(VIRTIO_BLK_T_IN, 0, 512 * 30);
    struct raw_piece pieces[32] = {raw_read_from(request.header)};
    for (unsigned i = 0; i < 30; i++) {
        pieces[1 + i] = (struct raw_piece){request.data.bus_address + 512 * i, 512, true};
    }
    pieces[31] = raw_write_to(request.status);
    uint16_t head = raw_add(&queue, pieces, 32);
    go();
    ck_assert_used(&queue, head, 0);
    /* Just as many as it holds, as seg_max promises. */
    struct request full = make(VIRTIO_BLK_T_IN, 0, 512 * (PER_SLOT - 2));
    pieces[0] = raw_read_from(full.header);
    for (unsigned i = 0; i < PER_SLOT - 2; i++) {
        pieces[1 + i] = (struct raw_piece){full.data.bus_address + 512 * i, 512, true};
    }
    pieces[PER_SLOT - 1] = raw_write_to(full.status);
    full.head = raw_add(&queue, pieces, PER_SLOT);
    go();
    ck_assert_answer(&full, VIRTIO_BLK_S_OK, 512 * (PER_SLOT - 2) + 1);
    check_alive();
}
END_TEST

START_TEST(indirect_tables_that_are_none)
{
    struct vdev_buffer table = machine_allocate(&machine, 64, 16);
    struct vring_desc *entries = table.pointer;
    const struct vring_desc wrong[] = {
        {table.bus_address, 0, VRING_DESC_F_INDIRECT, 0},
        {table.bus_address, 17, VRING_DESC_F_INDIRECT, 0},
        {0x1000, 32, VRING_DESC_F_INDIRECT, 0},
        {UINT64_MAX - 15, 32, VRING_DESC_F_INDIRECT, 0},
        {MACHINE_MEMORY + MACHINE_BYTES - 16, 32, VRING_DESC_F_INDIRECT, 0},
        {table.bus_address, 32, VRING_DESC_F_INDIRECT, 0}, /* nested */
    };
    entries[0] = (struct vring_desc){table.bus_address, 16, VRING_DESC_F_INDIRECT, 0};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint16_t at = queue.next_descriptor++ % queue.size;
        *raw_descriptor(&queue, at) = wrong[i];
        raw_expose(&queue, at);
        go();
        ck_assert_used(&queue, at, 0);
    }
    check_alive();
}
END_TEST

/* ---- corrupt rings: the device needs a reset, says so, and works after it ---- */

static void check_latched(void)
{
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0x4f);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS) & 2, 2);
    ck_assert(machine.level);
    uint16_t used = raw_used(&queue)->idx;
    add_new(VIRTIO_BLK_T_IN, 0, 512);
    go();
    ck_assert_uint_eq(raw_used(&queue)->idx, used);
    start(FLUSH);
    check_alive();
}

START_TEST(a_head_out_of_range)
{
    raw_expose(&queue, MACHINE_QUEUE);
    go();
    check_latched();
}
END_TEST

START_TEST(a_next_out_of_range)
{
    struct request request = add_new(VIRTIO_BLK_T_IN, 0, 512);
    raw_descriptor(&queue, request.head)->next = MACHINE_QUEUE;
    go();
    check_latched();
}
END_TEST

START_TEST(a_chain_that_loops)
{
    struct request request = make(VIRTIO_BLK_T_OUT, 0, 512);
    request.data.length = 0;
    *raw_descriptor(&queue, 0) =
        (struct vring_desc){request.data.bus_address, 0, VRING_DESC_F_NEXT, 0};
    raw_expose(&queue, 0);
    go();
    check_latched();
}
END_TEST

START_TEST(an_available_index_that_runs_ahead)
{
    raw_available(&queue)->idx = MACHINE_QUEUE + 1;
    go();
    check_latched();
}
END_TEST

START_TEST(an_available_index_that_goes_back)
{
    struct request request = add_new(VIRTIO_BLK_T_IN, 0, 512);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_OK, 513);
    raw_available(&queue)->idx = 0;
    go();
    check_latched();
}
END_TEST

START_TEST(corruption_with_requests_in_flight)
{
    disk.held = true;
    struct request request = add_new(VIRTIO_BLK_T_IN, 0, 512);
    raw_notify(&queue);
    raw_expose(&queue, 0xffff);
    raw_notify(&queue);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0x4f);
    disk.held = false;
    vdev_block_poll(&disk.block);
    ck_assert_not_used(&queue);
    ck_assert_uint_eq(status_of(&request), 0xee);
    check_latched();
}
END_TEST

START_TEST(the_same_head_more_often_than_the_ring_is_long)
{
    struct request request = make(VIRTIO_BLK_T_IN, 0, 512);
    disk.held = true;
    add(&request, true);
    for (unsigned i = 1; i < MACHINE_QUEUE; i++) {
        raw_expose(&queue, request.head);
    }
    raw_notify(&queue);
    ck_assert_uint_eq(disk.queued, SLOTS); /* bounded by our slots, whatever the ring says */
    disk.held = false;
    go();
    ck_assert_uint_eq(raw_used(&queue)->idx, MACHINE_QUEUE);
    queue.next_used = MACHINE_QUEUE;
    check_alive();
}
END_TEST

/* The driver rewrites header and descriptors while the request is below. */
START_TEST(what_changes_after_the_take_changes_nothing)
{
    disk.held = true;
    struct request request = add_new(VIRTIO_BLK_T_IN, 3, 512);
    raw_notify(&queue);
    memset(request.header.pointer, 0xff, 16);
    memset(queue.descriptors.pointer, 0xff, 16 * 8);
    disk.held = false;
    vdev_block_poll(&disk.block);
    ck_assert_answer(&request, VIRTIO_BLK_S_OK, 513);
    ck_assert_mem_eq(request.data.pointer, disk.bytes + 3 * 512, 512);
    check_alive();
}
END_TEST

/* ---- random chains, for what nobody thought of ---- */

static uint32_t random_state = 12345;

static uint32_t next(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

START_TEST(random_rings)
{
    struct vdev_buffer area = machine_allocate(&machine, 65536, 4096);
    for (unsigned round = 0; round < 20000; round++) {
        for (unsigned requests = next() % 4; requests != 0; requests--) {
            uint64_t at = area.bus_address + next() % 64 * 1024;
            uint32_t sectors = next() % 3;
            memcpy(machine.memory + (at - MACHINE_MEMORY),
                   (uint32_t[]){next() % 8 == 0 ? next() : next() % 2, 0,
                                next() % (RAM_DISK_SECTORS + 20), next() % 50 == 0},
                   16);
            bool writable = machine.memory[at - MACHINE_MEMORY] == 0;
            struct raw_piece pieces[3] = {
                {at, 16, false}, {at + 16, 512 * sectors, writable}, {at + 1023, 1, true}};
            uint16_t head = raw_add(&queue, pieces, 3);
            struct vring_desc *hurt = raw_descriptor(&queue, (head + next() % 3) % queue.size);
            switch (next() % 40) {
            case 0:
                hurt->len = next();
                break;
            case 1:
                hurt->addr = (uint64_t)next() << next() % 40;
                break;
            case 2:
                hurt->flags = (uint16_t)next();
                break;
            case 3:
                hurt->next = (uint16_t)(next() % (MACHINE_QUEUE + 2));
                break;
            case 4:
                hurt->len = next() % 600;
                break;
            case 5:
                raw_available(&queue)->idx = (uint16_t)(raw_available(&queue)->idx + next() % 50);
                break;
            }
        }
        disk.per_poll = next() % 3;
        disk.depth = next() % 5;
        raw_notify(&queue);
        vdev_block_poll(&disk.block);
        ck_assert_uint_le(backend.in_flight, SLOTS);
        if (machine_read32(&machine, VIRTIO_MMIO_STATUS) == 0x4f || next() % 100 == 0) {
            start(next() % 2 == 0 ? FLUSH : 1ull << VIRTIO_RING_F_INDIRECT_DESC);
        }
    }
    disk.per_poll = disk.depth = 0;
    go();
    ck_assert_uint_eq(backend.in_flight, 0);
    /* All sorts of ends were seen. */
    ck_assert_uint_gt(disk.reads, 1000);
    ck_assert_uint_gt(disk.writes, 1000);
    ck_assert_uint_gt(backend.errors, 1000);
    ck_assert_uint_gt(backend.device.failures, 10);
    start(FLUSH);
    check_alive();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backend_block_hostile");
    TCase *tests;

    tests = tcase_create("block back-end, hostile driver");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, unsupported_types);
    tcase_add_test(tests, sectors_out_of_range);
    tcase_add_test(tests, lengths_that_are_no_sectors);
    tcase_add_test(tests, data_of_the_wrong_direction);
    tcase_add_test(tests, a_write_to_a_read_only_medium);
    tcase_add_test(tests, short_headers);
    tcase_add_test(tests, no_byte_to_answer_in);
    tcase_add_test(tests, addresses_that_are_not_memory);
    tcase_add_test(tests, writable_before_readable);
    tcase_add_test(tests, more_pieces_than_a_slot_holds);
    tcase_add_test(tests, indirect_tables_that_are_none);
    tcase_add_test(tests, a_head_out_of_range);
    tcase_add_test(tests, a_next_out_of_range);
    tcase_add_test(tests, a_chain_that_loops);
    tcase_add_test(tests, an_available_index_that_runs_ahead);
    tcase_add_test(tests, an_available_index_that_goes_back);
    tcase_add_test(tests, corruption_with_requests_in_flight);
    tcase_add_test(tests, the_same_head_more_often_than_the_ring_is_long);
    tcase_add_test(tests, what_changes_after_the_take_changes_nothing);
    tcase_add_test(tests, random_rings);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
