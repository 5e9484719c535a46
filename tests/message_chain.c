/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our front-ends and back-ends, end to end over messages: a disk and a console on one bus, in one
 * thread, with doorbells. What it costs in messages is counted. Peers that break the rules are in
 * message_driver_hostile.c and message_device_hostile.c.
 */
#include "message_pair.h"
#include "support/block_asker.h"
#include "support/console_pipe.h"
#include "support/ram_disk.h"

#include <vdev/backends/block.h>
#include <vdev/backends/console.h>
#include <vdev/frontends/console.h>

#define SLOTS   4
#define DISK    3 /* numbers on the bus */
#define CONSOLE 0

static struct pair pair;
static struct ram_disk disk;
static struct vdev_block_backend block_backend;
static struct vdev_block_backend_slot slots[SLOTS];
static struct vdev_buffer block_buffers[SLOTS * 24];
static struct vdev_virtio_message_device block_device, console_device;
static struct vdev_virtio_message_driver block_driver, console_driver;

static struct console_pipe console;
static struct vdev_console_backend console_backend;
static struct vdev_buffer console_buffers[8];
static struct vdev_console_frontend console_frontend;
static struct vdev_driver_slot receive_slots[8], transmit_slots[8];

static void setup(void)
{
    memset(&frontend, 0, sizeof frontend);
    memset(&console_frontend, 0, sizeof console_frontend);
    machine_init(&machine);
    pair_init(&pair, PAIR_CAPACITY);
    pair.device.on_rung = pair_poll_devices; /* a doorbell switches to the driver VM at once */
    pair.device.context = &pair;
    ram_disk_init(&disk);
    ck_assert_int_eq(vdev_block_backend_init(&block_backend,
                                             &(struct vdev_block_backend_configuration){
                                                 .memory = &machine.map,
                                                 .block = &disk.block,
                                                 .slots = slots,
                                                 .slot_count = SLOTS,
                                                 .buffers = block_buffers,
                                                 .buffers_per_slot = 24,
                                                 .queue_size = 64,
                                             }),
                     VDEV_OK);
    console_pipe_init(&console);
    ck_assert_int_eq(vdev_console_backend_init(&console_backend,
                                               &(struct vdev_console_backend_configuration){
                                                   .memory = &machine.map,
                                                   .console = &console.console,
                                                   .buffers = console_buffers,
                                                   .buffer_count = 8,
                                                   .queue_size = 64,
                                               }),
                     VDEV_OK);
    ck_assert_int_eq(
        vdev_virtio_message_device_add(&pair.devices, &block_device, &block_backend.device, DISK),
        VDEV_OK);
    ck_assert_int_eq(vdev_virtio_message_device_add(&pair.devices, &console_device,
                                                    &console_backend.device, CONSOLE),
                     VDEV_OK);
    ck_assert_int_eq(vdev_virtio_message_driver_init(&block_driver, &pair.drivers, DISK), VDEV_OK);
    ck_assert_int_eq(vdev_virtio_message_driver_init(&console_driver, &pair.drivers, CONSOLE),
                     VDEV_OK);
    configure(&block_driver.driver);
}

static void teardown_pair(void)
{
    pair_finish(&pair);
    machine_finish(&machine);
}

static void start_block(void)
{
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
}

static void start_console(void)
{
    struct vdev_console_frontend_configuration description = {
        .transport = &console_driver.driver,
        .clock = &machine.clock.clock,
        .receive_queue = machine_queue_memory(&machine, 8, 0, receive_slots),
        .transmit_queue = machine_queue_memory(&machine, 8, 0, transmit_slots),
        .queue_size = 8,
        .receive_memory = machine_allocate(&machine, 64, 16),
        .transmit_memory = machine_allocate(&machine, 64, 16),
        .receive_count = 4,
        .transmit_count = 4,
        .buffer_size = 16,
    };
    ck_assert_int_eq(vdev_console_frontend_init(&console_frontend, &description), VDEV_OK);
}

/* What the owner of the driver's side does when its doorbell rang. */
static void answer_doorbell(void)
{
    pair.driver.rung = 0;
    while (vdev_virtio_message_driver_bus_poll(&pair.drivers)) {
    }
    if (frontend.alive) {
        vdev_block_poll(&frontend.block);
    }
    if (console_frontend.console.operations != NULL) {
        vdev_console_poll(&console_frontend.console);
    }
}

static void settle(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        vdev_block_poll(&disk.block);
        vdev_console_poll(&console.console);
        if (pair.driver.rung != 0) {
            answer_doorbell();
        } else if (disk.queued == 0) {
            return;
        }
    }
    ck_abort_msg("no end");
}

START_TEST(a_block_device_comes_up_in_few_messages)
{
    uint64_t requests = pair.driver.link.put;
    start_block();
    requests = pair.driver.link.put - requests;
    ck_assert_uint_eq(frontend.block.information.sectors, RAM_DISK_SECTORS);
    ck_assert_str_eq(frontend.block.information.identifier, "RAM-0001");
    ck_assert_uint_eq(block_backend.device.refused, 0);
    ck_assert_uint_eq(pair.device.link.ignored + pair.driver.link.ignored, 0);
    /* Reset, four steps of the status, features twice, configuration, queue in three; and the
     * notification of the request for the identifier. */
    ck_assert_uint_le(requests, 14);
    if (getenv("VDEV_TEST_VERBOSE") != NULL) {
        printf("block: %u messages to the device, %u back, since the link was made\n",
               (unsigned)pair.driver.link.put, (unsigned)pair.device.link.put);
    }
}
END_TEST

START_TEST(reads_and_writes_end_to_end)
{
    struct asked asked;
    start_block();
    struct vdev_buffer data = machine_allocate(&machine, 8192, 512);
    for (unsigned i = 0; i < 8192; i++) {
        ((uint8_t *)data.pointer)[i] = (uint8_t)(i * 11 + i / 512);
    }
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_WRITE, 700, data), VDEV_OK);
    settle();
    ck_assert_ended(&asked, VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 700 * 512, data.pointer, 8192);
    memset(data.pointer, 0, 8192);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 701, data), VDEV_OK);
    settle();
    ck_assert_ended(&asked, VDEV_OK);
    ck_assert_mem_eq(data.pointer, disk.bytes + 701 * 512, 8192);
}
END_TEST

START_TEST(a_request_is_one_message_each_way)
{
    struct asked asked;
    start_block();
    struct vdev_buffer data = machine_allocate(&machine, 4096, 512);
    uint64_t there = pair.driver.link.put, back = pair.device.link.put;
    uint32_t bells = pair.driver.link.doorbells + pair.device.link.doorbells;
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, i, data), VDEV_OK);
        settle();
        ck_assert_ended(&asked, VDEV_OK);
    }
    ck_assert_uint_eq(pair.driver.link.put - there, 10);
    ck_assert_uint_eq(pair.device.link.put - back, 10);
    ck_assert_uint_le(pair.driver.link.doorbells + pair.device.link.doorbells - bells, 20);
}
END_TEST

START_TEST(a_device_that_works_later_is_rung_once_for_many_requests)
{
    static struct asked asked[4];
    start_block();
    pair.device.on_rung = NULL;
    uint32_t bells = pair.driver.link.doorbells;
    uint64_t there = pair.driver.link.put;
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, i, machine_allocate(&machine, 512, 512)),
                         VDEV_OK);
    }
    ck_assert_uint_eq(pair.driver.link.doorbells - bells, 1);
    ck_assert_uint_eq(pair.driver.link.put - there, 1);
    pair_poll_devices(&pair);
    settle();
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_ended(&asked[i], VDEV_OK);
    }
}
END_TEST

START_TEST(events_for_one_device_that_come_while_another_waits_are_kept)
{
    struct asked asked;
    start_block();
    struct vdev_buffer data = machine_allocate(&machine, 512, 512);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 5, data), VDEV_OK);
    vdev_block_poll(&disk.block); /* its event lies in the FIFO */
    start_console();              /* which receives it */
    ck_assert_uint_eq(asked.completed, 0);
    ck_assert_uint_ne(block_driver.remote.used, 0);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_OK);
}
END_TEST

START_TEST(a_console_over_messages)
{
    uint8_t bytes[32];
    start_console();
    ck_assert_uint_eq(console_frontend.console.columns, 80);
    const char *line = "over and over, through more than the buffers hold at once, to the end";
    for (unsigned round = 0; round < 20; round++) {
        console.output_length = 0;
        for (size_t at = 0; at < strlen(line);) {
            at += vdev_console_write(&console_frontend.console, (const uint8_t *)line + at,
                                     strlen(line) - at);
            settle();
        }
        ck_assert_uint_eq(console.output_length, strlen(line));
        ck_assert_mem_eq(console.output, line, strlen(line));
        console_pipe_feed(&console, "typed", 5);
        settle();
        ck_assert_uint_eq(vdev_console_read(&console_frontend.console, bytes, sizeof bytes), 5);
        ck_assert_mem_eq(bytes, "typed", 5);
    }
    ck_assert_uint_eq(pair.driver.link.ignored + pair.device.link.ignored, 0);
}
END_TEST

START_TEST(a_change_of_the_configuration_is_seen)
{
    start_console();
    start_block();
    uint64_t there = pair.driver.link.put;
    console_pipe_resize(&console, 132, 43);
    settle();
    ck_assert_uint_eq(console_frontend.console.columns, 132);
    ck_assert_uint_eq(console_frontend.console.rows, 43);
    ck_assert_uint_le(pair.driver.link.put - there, 3);
}
END_TEST

START_TEST(a_device_that_fails_is_reset_and_goes_on)
{
    struct asked asked;
    start_block();
    struct vdev_buffer data = machine_allocate(&machine, 512, 512);
    disk.held = true;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 1, data), VDEV_OK);
    vdev_virtio_device_fail(&block_backend.device);
    ck_assert_uint_ne(pair.driver.rung, 0);
    answer_doorbell();
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.restarts, 1);
    disk.held = false;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 1, data), VDEV_OK);
    settle();
    ck_assert_ended(&asked, VDEV_OK);
}
END_TEST

START_TEST(a_queue_in_use_is_not_taken_twice)
{
    struct vdev_virtqueue_configuration queue = {.size = 8};
    start_block();
    const struct vdev_virtio_driver_operations *operations = block_driver.driver.operations;
    ck_assert_int_eq(operations->start_queue(&block_driver.driver, 0, &queue), VDEV_ERROR_STATE);
    ck_assert_uint_eq(operations->queue_size_maximum(&block_driver.driver, 1), 0);
    ck_assert_int_eq(operations->start_queue(&block_driver.driver, 1, &queue), VDEV_ERROR_IO);
}
END_TEST

START_TEST(a_dead_back_end_is_an_error_in_bounded_time)
{
    struct asked asked;
    start_block();
    struct vdev_buffer data = machine_allocate(&machine, 512, 512);
    pair.device.on_rung = NULL; /* its VM was stopped */
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 1, data), VDEV_OK);
    uint64_t start = pair.clock.now;
    const struct vdev_virtio_driver_operations *operations = block_driver.driver.operations;
    ck_assert_uint_eq(operations->queue_size_maximum(&block_driver.driver, 0), 0);
    ck_assert_uint_eq(operations->status(&block_driver.driver), VDEV_VIRTIO_STATUS_NEEDS_RESET);
    answer_doorbell();
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    ck_assert(!frontend.alive);
    ck_assert_uint_le(pair.clock.now - start, 3 * PAIR_TIMEOUT);
    ck_assert_uint_ne(pair.idled, 0);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 1, data), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(a_stopped_driver_vm_fails_what_is_in_flight_at_once)
{
    struct asked asked;
    start_block();
    struct vdev_buffer data = machine_allocate(&machine, 512, 512);
    disk.held = true;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 1, data), VDEV_OK);
    pair.device.on_rung = NULL;
    uint64_t requests = pair.drivers.requests;
    vdev_message_fifo_close(pair.fifos[1], PAIR_CAPACITY); /* as the hypervisor does */
    answer_doorbell();
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    ck_assert(!frontend.alive);
    ck_assert_uint_eq(pair.drivers.requests, requests);
}
END_TEST

START_TEST(a_back_end_that_comes_back_answers_what_was_given_up)
{
    start_block();
    pair.device.on_rung = NULL;
    ck_assert_uint_eq(block_driver.driver.operations->queue_size_maximum(&block_driver.driver, 0),
                      0);
    ck_assert_uint_eq(pair.drivers.timeouts, 1);
    pair.device.on_rung = pair_poll_devices;
    pair_poll_devices(&pair); /* a late answer */
    start_block();
    ck_assert_uint_eq(pair.driver.link.late, 1);
    ck_assert_int_eq(pair.driver.link.error, VDEV_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message_chain");
    TCase *tests = tcase_create("chain");
    tcase_add_checked_fixture(tests, setup, teardown_pair);
    tcase_add_test(tests, a_block_device_comes_up_in_few_messages);
    tcase_add_test(tests, reads_and_writes_end_to_end);
    tcase_add_test(tests, a_request_is_one_message_each_way);
    tcase_add_test(tests, a_device_that_works_later_is_rung_once_for_many_requests);
    tcase_add_test(tests, events_for_one_device_that_come_while_another_waits_are_kept);
    tcase_add_test(tests, a_console_over_messages);
    tcase_add_test(tests, a_change_of_the_configuration_is_seen);
    tcase_add_test(tests, a_device_that_fails_is_reset_and_goes_on);
    tcase_add_test(tests, a_queue_in_use_is_not_taken_twice);
    tcase_add_test(tests, a_dead_back_end_is_an_error_in_bounded_time);
    tcase_add_test(tests, a_stopped_driver_vm_fails_what_is_in_flight_at_once);
    tcase_add_test(tests, a_back_end_that_comes_back_answers_what_was_given_up);
    suite_add_tcase(suite, tests);
    return pair_run(suite);
}
