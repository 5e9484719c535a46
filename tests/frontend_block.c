/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block front-end against our back-end, end to end through virtio-mmio and a bus. Devices that
 * break the rules are in frontend_block_hostile.c.
 */
#include "support/block_asker.h"
#include "support/ram_disk.h"

#include <vdev/backends/block.h>

#define SLOTS 4

static struct ram_disk disk;
static struct vdev_block_backend backend;
static struct vdev_block_backend_slot slots[SLOTS];
static struct vdev_buffer buffers[SLOTS * 24];
static struct vdev_virtio_mmio_driver mmio_driver;

static void connect(void)
{
    ck_assert_int_eq(vdev_block_backend_init(&backend,
                                             &(struct vdev_block_backend_configuration){
                                                 .memory = &machine.map,
                                                 .block = &disk.block,
                                                 .slots = slots,
                                                 .slot_count = SLOTS,
                                                 .buffers = buffers,
                                                 .buffers_per_slot = 24,
                                                 .queue_size = 64,
                                             }),
                     VDEV_OK);
    machine_connect(&machine, &backend.device);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&mmio_driver, &machine.io), VDEV_OK);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    ck_assert(!machine.level);
}

static void setup_pair(void)
{
    machine_init(&machine);
    ram_disk_init(&disk);
    configure(&mmio_driver.driver);
    connect();
}

/* Until nothing happens any more: the disk below, then the driver, by its interrupt. */
static void settle(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        vdev_block_poll(&disk.block);
        if (machine.level) {
            vdev_block_poll(&frontend.block);
        } else if (disk.queued == 0) {
            return;
        }
    }
    ck_abort_msg("no end");
}

START_TEST(learns_what_the_device_is)
{
    const struct vdev_block_information *information = &frontend.block.information;
    ck_assert_uint_eq(information->sectors, RAM_DISK_SECTORS);
    ck_assert_uint_eq(information->block_size, 512);
    ck_assert(!information->read_only);
    ck_assert_uint_eq(information->maximum_buffers, PIECES - 2);
    ck_assert_str_eq(information->identifier, "RAM-0001");
    disk.block.information.read_only = true;
    disk.block.information.block_size = 4096;
    connect();
    ck_assert(information->read_only);
    ck_assert_uint_eq(information->block_size, 4096);
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_WRITE, 0, machine_allocate(&machine, 512, 512)),
                     VDEV_ERROR_READ_ONLY);
    ck_assert_uint_eq(machine.aborts, 0);
}
END_TEST

START_TEST(reads_and_writes_end_to_end)
{
    struct vdev_buffer data = machine_allocate(&machine, 8192, 512);
    struct asked asked;
    for (unsigned i = 0; i < 8192; i++) {
        ((uint8_t *)data.pointer)[i] = (uint8_t)(i * 11 + i / 512);
    }
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_WRITE, 700, data), VDEV_OK);
    ck_assert_uint_eq(asked.completed, 0);
    settle();
    ck_assert_ended(&asked, VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 700 * 512, data.pointer, 8192);
    memset(data.pointer, 0, 8192);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 701, data), VDEV_OK);
    settle();
    ck_assert_ended(&asked, VDEV_OK);
    ck_assert_mem_eq(data.pointer, disk.bytes + 701 * 512, 8192);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_FLUSH, 0, (struct vdev_buffer){0}), VDEV_OK);
    settle();
    ck_assert_ended(&asked, VDEV_OK);
    ck_assert_uint_eq(disk.flushes, 1);
    ck_assert_uint_eq(machine.aborts, 0);
    ck_assert_uint_eq(backend.device.refused, 0);
}
END_TEST

START_TEST(a_request_costs_three_register_accesses)
{
    struct vdev_buffer data = machine_allocate(&machine, 65536, 512);
    struct asked asked;
    uint32_t before = 0;
    uint32_t after = 0;
    for (unsigned i = 0; i < VDEV_VIRTIO_MMIO_WINDOW / 4; i++) {
        before += machine.counts[i].reads + machine.counts[i].writes;
    }
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, i, data), VDEV_OK);
        settle();
        ck_assert_ended(&asked, VDEV_OK);
    }
    for (unsigned i = 0; i < VDEV_VIRTIO_MMIO_WINDOW / 4; i++) {
        after += machine.counts[i].reads + machine.counts[i].writes;
    }
    ck_assert_uint_le(after - before, 30); /* notify, look, acknowledge */
}
END_TEST

START_TEST(more_requests_than_there_is_room_for_wait_and_complete)
{
    static struct asked asked[40];
    struct vdev_buffer data[40];
    disk.per_poll = 1;
    for (unsigned i = 0; i < 40; i++) {
        data[i] = machine_allocate(&machine, 1024, 512);
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, 3 * i, data[i]), VDEV_OK);
    }
    settle();
    for (unsigned i = 0; i < 40; i++) {
        ck_assert_ended(&asked[i], VDEV_OK);
        ck_assert_mem_eq(data[i].pointer, disk.bytes + 3 * i * 512, 1024);
    }
}
END_TEST

START_TEST(a_completion_may_submit)
{
    struct vdev_buffer data = machine_allocate(&machine, 512, 512);
    struct asked first, second;
    ck_assert_int_eq(ask(&second, VDEV_BLOCK_READ, 9, data), VDEV_OK);
    settle();
    second.completed = 0;
    ck_assert_int_eq(ask(&first, VDEV_BLOCK_READ, 8, data), VDEV_OK);
    first.again = &second;
    settle();
    ck_assert_ended(&first, VDEV_OK);
    ck_assert_ended(&second, VDEV_OK);
}
END_TEST

START_TEST(a_completion_may_not_poll)
{
    struct asked asked[3];
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, i, machine_allocate(&machine, 512, 512)),
                         VDEV_OK);
        asked[i].polls = true;
    }
    vdev_block_poll(&disk.block);
    unsigned reads = machine.counts[VIRTIO_MMIO_INTERRUPT_STATUS / 4].reads;
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(machine.counts[VIRTIO_MMIO_INTERRUPT_STATUS / 4].reads, reads + 1);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_ended(&asked[i], VDEV_OK);
    }
}
END_TEST

START_TEST(through_the_wrap_of_the_index)
{
    struct vdev_buffer data = machine_allocate(&machine, 512, 512);
    struct asked asked;
    for (unsigned i = 0; i < 66000; i++) {
        int status = ask(&asked, VDEV_BLOCK_READ, i % RAM_DISK_SECTORS, data);
        vdev_block_poll(&disk.block);
        vdev_block_poll(&frontend.block);
        if (status != VDEV_OK || asked.completed != 1 || asked.status != VDEV_OK ||
            memcmp(data.pointer, disk.bytes + i % RAM_DISK_SECTORS * 512, 512) != 0) {
            ck_abort_msg("at %u", i);
        }
    }
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(a_failing_medium_reaches_the_driver_as_an_io_error)
{
    struct vdev_buffer data = machine_allocate(&machine, 1024, 512);
    struct asked read, write, good;
    disk.bad_sector = 41;
    ck_assert_int_eq(ask(&read, VDEV_BLOCK_READ, 40, data), VDEV_OK);
    ck_assert_int_eq(ask(&write, VDEV_BLOCK_WRITE, 41, data), VDEV_OK);
    ck_assert_int_eq(ask(&good, VDEV_BLOCK_READ, 42, data), VDEV_OK);
    settle();
    ck_assert_ended(&read, VDEV_ERROR_IO);
    ck_assert_ended(&write, VDEV_ERROR_IO);
    ck_assert_ended(&good, VDEV_OK);
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(submit_refuses_what_it_cannot_do)
{
    struct vdev_buffer data = machine_allocate(&machine, 512, 512);
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, RAM_DISK_SECTORS, data), VDEV_ERROR_RANGE);
    struct vdev_buffer lost = data;
    lost.bus_address = VDEV_NO_BUS_ADDRESS;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, lost), VDEV_ERROR_INVALID);
    lost = data;
    lost.length = 511;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, lost), VDEV_ERROR_INVALID);
    asked.request.operation = (enum vdev_block_operation)9;
    ck_assert_int_eq(vdev_block_submit(&frontend.block, &asked.request), VDEV_ERROR_UNSUPPORTED);
}
END_TEST

START_TEST(a_device_that_needs_a_reset_gets_it)
{
    struct vdev_buffer data = machine_allocate(&machine, 1024, 512);
    struct asked lost, after;
    disk.held = true;
    ck_assert_int_eq(ask(&lost, VDEV_BLOCK_READ, 0, data), VDEV_OK);
    vdev_virtio_device_fail(&backend.device);
    ck_assert(machine.level);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&lost, VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.restarts, 1);
    disk.held = false;
    ck_assert_int_eq(ask(&after, VDEV_BLOCK_READ, 77, data), VDEV_OK);
    settle();
    ck_assert_ended(&after, VDEV_OK);
    ck_assert_mem_eq(data.pointer, disk.bytes + 77 * 512, 1024);
    ck_assert_uint_eq(lost.completed, 1);
}
END_TEST

START_TEST(a_new_capacity_is_learned)
{
    disk.block.information.sectors = 12;
    vdev_block_backend_resized(&backend);
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(frontend.block.information.sectors, 12);
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(stop_gives_everything_back)
{
    struct asked asked[10];
    disk.held = true;
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, i, machine_allocate(&machine, 512, 512)),
                         VDEV_OK);
    }
    ck_assert_int_eq(vdev_block_frontend_stop(&frontend), VDEV_OK);
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_ended(&asked[i], VDEV_ERROR_ABSENT);
    }
    ck_assert_uint_eq(backend.device.status, 0);
    ck_assert_int_eq(vdev_block_submit(&frontend.block, &asked[0].request), VDEV_ERROR_ABSENT);
    disk.held = false;
    vdev_block_poll(&disk.block);
    ck_assert_uint_eq(asked[0].completed, 1);
}
END_TEST

START_TEST(a_back_end_on_a_front_end)
{
    /* The class is the same on both sides, so they stack: a guest's disk in another guest's. */
    static struct vdev_block_backend upper;
    static struct vdev_block_backend_slot upper_slots[SLOTS];
    static struct vdev_buffer upper_buffers[SLOTS * 24];
    static struct machine guest;
    struct raw_queue queue;

    machine_init(&guest);
    /* The upper guest's memory is reachable for the lower device where the lower map has it. */
    guest.regions[0].pointer = machine.memory + MACHINE_BYTES / 2;
    guest.regions[0].length = MACHINE_BYTES / 2;
    guest.regions[0].bus_address = MACHINE_MEMORY + MACHINE_BYTES / 2;
    free(guest.memory);
    guest.memory = guest.regions[0].pointer;
    ck_assert_int_eq(vdev_block_backend_init(&upper,
                                             &(struct vdev_block_backend_configuration){
                                                 .memory = &guest.map,
                                                 .block = &frontend.block,
                                                 .slots = upper_slots,
                                                 .slot_count = SLOTS,
                                                 .buffers = upper_buffers,
                                                 .buffers_per_slot = 24,
                                                 .queue_size = 64,
                                             }),
                     VDEV_OK);
    machine_connect(&guest, &upper.device);
    raw_queue_init(&queue, &guest, 0);
    raw_begin(&guest, 0);
    raw_start(&queue);
    raw_finish(&guest);
    struct vdev_buffer header = machine_allocate(&guest, 16, 16);
    struct vdev_buffer data = machine_allocate(&guest, 1024, 512);
    struct vdev_buffer status = machine_allocate(&guest, 1, 1);
    memcpy(header.pointer, (uint32_t[]){VIRTIO_BLK_T_IN, 0, 300, 0}, 16);
    uint16_t head = raw_add(
        &queue,
        (struct raw_piece[]){raw_read_from(header), raw_write_to(data), raw_write_to(status)}, 3);
    raw_notify(&queue);
    settle();
    ck_assert_used(&queue, head, 1025);
    ck_assert_uint_eq(*(uint8_t *)status.pointer, VIRTIO_BLK_S_OK);
    ck_assert_mem_eq(data.pointer, disk.bytes + 300 * 512, 1024);
    disk.bad_sector = 301;
    raw_expose(&queue, head);
    raw_notify(&queue);
    settle();
    ck_assert_used(&queue, head, 1);
    ck_assert_uint_eq(*(uint8_t *)status.pointer, VIRTIO_BLK_S_IOERR);
    free(guest.read_only);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frontend_block");
    TCase *tests;

    tests = tcase_create("block front-end");
    tcase_add_checked_fixture(tests, setup_pair, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, learns_what_the_device_is);
    tcase_add_test(tests, reads_and_writes_end_to_end);
    tcase_add_test(tests, a_request_costs_three_register_accesses);
    tcase_add_test(tests, more_requests_than_there_is_room_for_wait_and_complete);
    tcase_add_test(tests, a_completion_may_submit);
    tcase_add_test(tests, a_completion_may_not_poll);
    tcase_add_test(tests, through_the_wrap_of_the_index);
    tcase_add_test(tests, a_failing_medium_reaches_the_driver_as_an_io_error);
    tcase_add_test(tests, submit_refuses_what_it_cannot_do);
    tcase_add_test(tests, a_device_that_needs_a_reset_gets_it);
    tcase_add_test(tests, a_new_capacity_is_learned);
    tcase_add_test(tests, stop_gives_everything_back);
    tcase_add_test(tests, a_back_end_on_a_front_end);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
